/** Where the vendor's customers sign in: a page of entries for each subscription, behind HTTP Basic. */
import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { isFields, Problem, readBody, readFields, send, sendJson } from "./http.ts";
import { hashOf } from "./orders.ts";
import { productOf } from "./products.ts";
import type { AccessRow, Store, Subscription } from "./store.ts";

export async function answerApp(
  store: Store,
  id: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const subscription = store.active(id);
  const access = subscription === undefined ? undefined : signedIn(store, subscription, request);
  if (subscription === undefined || access === undefined)
    throw new Problem(401, "sign-in", "User name or password are not right here.", {
      "www-authenticate": 'Basic realm="Software", charset="UTF-8"',
    });
  store.signedIn(id, Date.now());
  if (request.method === "POST") {
    if (access.role === "reader") throw new Problem(403, "reader", "This access may only read.");
    store.addEntry(id, Date.now(), access.username, await entryIn(request));
    if (!wantsPage(request)) return sendJson(response, 201, { written: true });
  }
  if (!wantsPage(request)) {
    const { product, plan, title } = subscription;
    return sendJson(response, 200, { product, plan, title, signedInAs: access.username, entries: store.entries(id) });
  }
  // No script, and nothing from elsewhere.
  const policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'";
  send(response, 200, "text/html; charset=utf-8", page(subscription, access, store.entries(id)), {
    "content-security-policy": policy,
  });
}

function signedIn(store: Store, { id }: Subscription, request: IncomingMessage): AccessRow | undefined {
  const encoded = /^Basic (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
  const [username = "", ...rest] = Buffer.from(encoded, "base64").toString("utf8").split(":");
  const access = store.login(id, username);
  if (access === undefined) return undefined;
  const [given, right] = [Buffer.from(hashOf(rest.join(":"))), Buffer.from(access.hash)];
  return given.length === right.length && timingSafeEqual(given, right) ? access : undefined;
}

const wantsPage = (request: IncomingMessage): boolean => (request.headers.accept ?? "").includes("text/html");

/** A browser's form, or JSON. */
async function entryIn(request: IncomingMessage): Promise<string> {
  // A form on somebody else's page would be sent with the customer's password.
  if (request.headers["sec-fetch-site"] === "cross-site")
    throw new Problem(403, "elsewhere", "Write on the page itself.");
  const body = await readBody(request);
  const form = request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true;
  const fields = form ? Object.fromEntries(new URLSearchParams(body.toString("utf8"))) : readFields(body);
  const text = isFields(fields) ? fields.text : undefined;
  if (typeof text !== "string" || text === "" || text.length > 1000)
    throw new Problem(422, "text", "text must have 1 to 1000 characters.");
  return text;
}

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => escapes[sign] ?? "");

function page(
  { product, plan, title }: Subscription,
  { username, role }: AccessRow,
  entries: readonly { readonly at: number; readonly author: string; readonly text: string }[],
): string {
  const { name } = productOf(product);
  const lines = entries.map(
    ({ at, author, text }) =>
      `<li><time>${new Date(at).toISOString().slice(0, 16)}</time> <b>${escaped(author)}</b><br>${escaped(text)}</li>`,
  );
  const form =
    role === "reader"
      ? ""
      : '<form method="post"><input name="text" maxlength="1000" required> <button>Senden</button></form>';
  return `<!doctype html><html lang="de"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>body{font:1rem/1.5 system-ui;max-width:40rem;margin:2rem auto;padding:0 1rem}
li{margin:.5rem 0}time{color:#555}</style>
<h1>${escaped(title)}</h1><p>${escaped(name)}, Tarif ${escaped(plan)}. Angemeldet als ${escaped(username)}.
Dies ist ein Vorführsystem eines erfundenen Herstellers.</p>${form}<ul>${lines.join("")}</ul></html>`;
}
