/** The management API as its clients ask it: over a real socket, each with a token of their own. */
import type { AddressInfo } from "node:net";
import type { JsonObject } from "../../src/core/adapter.ts";
import type { Role } from "../../src/core/permissions.ts";
import type { TestBroker } from "./broker.ts";

export interface AdminAnswer {
  readonly status: number;
  /** Empty where there is no body. */
  readonly body: JsonObject;
  readonly text: string;
  readonly headers: Headers;
}

/** One request below /api/v1; a body is sent as JSON. */
export type AskAdmin = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<AdminAnswer>;

export interface Client {
  readonly ask: AskAdmin;
  /** Of the token. */
  readonly id: string;
  readonly secret: string;
}

export interface Wish {
  readonly name?: string;
  readonly roles?: readonly Role[];
  readonly providers?: readonly string[];
  readonly expiresAt?: number;
}

/** Somebody with a token; an administrator unless other roles are wished for. */
export async function clientOf(broker: TestBroker, wish: Wish = {}): Promise<Client> {
  const { name = "anna", roles = ["administrator"], providers = [], expiresAt } = wish;
  const { record, secret } = await broker.admin.desk.issue(
    {
      name: "test",
      principal: name,
      roles,
      providers,
      createdBy: "test",
      ...(expiresAt !== undefined && { expiresAt }),
    },
    { actor: { by: "test" } },
  );
  const ask = await askerOf(broker, `Bearer ${secret.reveal()}`);
  return { ask, id: record.id, secret: secret.reveal() };
}

/** With this Authorization header, or none. */
export async function askerOf({ app }: TestBroker, authorization?: string): Promise<AskAdmin> {
  if (!app.server.listening) await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return async (method, path, body, headers = {}) => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
      method,
      headers: {
        ...(authorization !== undefined && { authorization }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      body: text === "" ? {} : (JSON.parse(text) as JsonObject),
      text,
      headers: answer.headers,
    };
  };
}
