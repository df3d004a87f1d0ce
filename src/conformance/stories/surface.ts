/** What a broker shows to somebody who only reads: nothing but GETs, and nothing is ever there to be found. */
import type { BrokerContext } from "../check.ts";
import { basic, type Exchange, type Question } from "../client.ts";

export interface Surface {
  readonly catalogAgain: Exchange;
  /** By what is wrong with the credentials; empty where the broker is reached without any. */
  readonly strangers: ReadonlyMap<string, Exchange>;
  readonly strangersElsewhere: ReadonlyMap<string, Exchange>;
  readonly noVersion: Exchange;
  readonly otherMajors: readonly Exchange[];
  readonly otherMinors: readonly Exchange[];
  readonly upperCaseHeaders: Exchange;
  readonly brokenIdentities: readonly Exchange[];
  readonly unchanged: Exchange | undefined;
  readonly changed: Exchange | undefined;
  readonly unknownInstance: Exchange;
  readonly unknownBinding: Exchange;
  readonly unknownInstancePolled: Exchange;
  readonly unknownBindingPolled: Exchange;
  readonly brokenPaths: readonly Exchange[];
  readonly oddId: Exchange;
}

/** Sent as a password; it must come back in no answer. */
export const wrongPassword = "wrong-on-purpose-3f1c9a7e5b";

export async function surface({ client, target, newId, catalog }: BrokerContext): Promise<Surface> {
  const get = (path: string, headers: Question["headers"] = {}, query: Question["query"] = {}) =>
    client.ask({ method: "GET", path, headers, query });
  const catalogWith = (headers: Question["headers"]) => get("/v2/catalog", headers);
  const all = async (tries: readonly Question["headers"][]) => {
    const answers: Exchange[] = [];
    for (const headers of tries) answers.push(await catalogWith(headers));
    return answers;
  };

  const instance = `/v2/service_instances/${newId()}`;
  const binding = `${instance}/service_bindings/${newId()}`;
  const offering = catalog.offerings.find(({ raw }) => raw.instances_retrievable === true) ?? catalog.offerings[0];
  const hints = { service_id: offering?.id ?? newId(), plan_id: offering?.plans[0]?.id ?? newId() };

  const catalogAgain = await catalogWith({});
  const strangers = new Map<string, Exchange>();
  const strangersElsewhere = new Map<string, Exchange>();
  if (target.credentials !== undefined) {
    const wrong =
      "username" in target.credentials ? basic(target.credentials.username, wrongPassword) : `Bearer ${wrongPassword}`;
    const tries = { "no credentials": null, "a wrong password": wrong, "an unknown scheme": "Conformance unknown" };
    for (const [what, authorization] of Object.entries(tries))
      strangers.set(what, await catalogWith({ authorization }));
    const routes = { "fetching an instance": instance, "fetching a binding": binding };
    for (const [what, path] of Object.entries(routes)) {
      strangersElsewhere.set(what, await get(path, { authorization: null }, hints));
      strangersElsewhere.set(
        `${what.replace("fetching", "polling")}`,
        await get(`${path}/last_operation`, { authorization: null }, hints),
      );
    }
  }

  const etag = catalog.exchange.answer?.headers.etag;
  return {
    catalogAgain,
    strangers,
    strangersElsewhere,
    noVersion: await catalogWith({ "x-broker-api-version": null }),
    otherMajors: await all(["1.0", "3.0"].map((version) => ({ "x-broker-api-version": version }))),
    otherMinors: await all(["2.13", "2.99"].map((version) => ({ "x-broker-api-version": version }))),
    upperCaseHeaders: await catalogWith({ "X-BROKER-API-VERSION": "2.17", ACCEPT: "application/json" }),
    brokenIdentities: await all(
      ["cloudfoundry", "cloudfoundry %%%", `cloudfoundry ${Buffer.from("[1]").toString("base64")}`].map((value) => ({
        "x-broker-api-originating-identity": value,
      })),
    ),
    unchanged: etag === undefined ? undefined : await catalogWith({ "if-none-match": etag }),
    changed: etag === undefined ? undefined : await catalogWith({ "if-none-match": '"of another catalog"' }),
    unknownInstance: await get(instance, {}, hints),
    unknownBinding: await get(binding, {}, hints),
    unknownInstancePolled: await get(`${instance}/last_operation`, {}, hints),
    unknownBindingPolled: await get(`${binding}/last_operation`, {}, hints),
    brokenPaths: [
      await get("/v2/service_instances/%zz"),
      await get("/v2/there-is-no-such-route"),
      await get("/v2/service_instances"),
    ],
    oddId: await get(`/v2/service_instances/${encodeURIComponent("odd id (ü+~:@)")}-${newId()}`, {}, hints),
  };
}
