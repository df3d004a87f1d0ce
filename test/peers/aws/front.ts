/** Stands before moto: calls to RDS get what moto leaves out, all others pass unchanged. */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { openDatabases } from "./databases.ts";
import { type Answer, openRds } from "./rds.ts";

const { FRONT_PORT, FRONT_MOTO = "", FRONT_DIRECTORY = "" } = process.env;
const rds = openRds(await openDatabases(FRONT_DIRECTORY));

/** With the caller's own headers, as its signature covers the name it called. */
function ask(call: IncomingMessage, body?: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { method, url, headers } = call;
    const asked = request(`${FRONT_MOTO}${url}`, { method, headers, agent: false }, resolve);
    asked.on("error", reject);
    call.on("error", () => asked.destroy());
    if (body === undefined) call.pipe(asked);
    else asked.end(body);
  });
}

async function textOf(message: IncomingMessage): Promise<string> {
  return Buffer.concat(await message.toArray()).toString();
}

async function serve(call: IncomingMessage, reply: ServerResponse): Promise<void> {
  const { authorization = "" } = call.headers;
  if (!authorization.includes("/rds/aws4_request")) {
    const answer = await ask(call);
    reply.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(reply);
    return;
  }
  const body = Buffer.concat(await call.toArray());
  const { status, body: text } = await rds.answer(new URLSearchParams(body.toString()), async (): Promise<Answer> => {
    const answer = await ask(call, body);
    return { status: answer.statusCode ?? 502, body: await textOf(answer) };
  });
  reply.writeHead(status, { "content-type": "text/xml" });
  reply.end(text);
}

const server = createServer((call, reply) => {
  serve(call, reply).catch((error: unknown) => {
    console.error(error);
    reply.destroy();
  });
});
server.listen(Number(FRONT_PORT), "127.0.0.1");

process.once("SIGTERM", async () => {
  await rds.close();
  process.exit();
});
