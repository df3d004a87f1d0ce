/** Where providers call: `POST /callbacks/ACCOUNT`, signed over the body as it arrived. */
import type { FastifyInstance } from "fastify";
import { refuse } from "../core/refusal.ts";
import type { TakeCallback } from "../lifecycle/callback.ts";
import { Refused } from "./errors.ts";

/** A callback names an order and says little more. */
const longestBody = 64 * 1024;

/** Answers 204 to a call that is believed, 401 to any other, and 503 where the provider should call again. */
export async function addCallbackRoute(app: FastifyInstance, take: TakeCallback): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.post("/:account", { schema: { hide: true }, bodyLimit: longestBody }, async (request, reply) => {
    const { account } = request.params as { readonly account: string };
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, typeof value === "string" ? value : undefined]),
    );
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const end = await take(account, { headers, body });
    if (end === "refused")
      throw new Refused(refuse(401, "Unauthorized", "The callback's signature is not right, or too old."));
    if (end === "busy") throw new Refused(refuse(503, "Unavailable"));
    return reply.code(204).send();
  });
}
