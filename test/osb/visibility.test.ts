/** Who sees what: a plan that is hidden from a platform or an organisation is as unknown as none. On both databases. */
import t from "tap";
import { everythingVisible } from "../../src/core/visibility.ts";
import {
  access,
  asyncPlan,
  hints,
  largerPlan,
  offering,
  offeringId,
  order,
  planOf,
  syncPlan,
} from "../support/broker.ts";
import { storiesOnBothDatabases } from "../support/stories.ts";

const story = await storiesOnBothDatabases(t);
const instance = "/service_instances/i";
const secretOffering = "10000000-0000-4000-8000-000000000002";
const secretPlan = "20000000-0000-4000-8000-000000000009";
const offerings = [
  offering,
  { ...offering, id: secretOffering, name: "secret", plans: [planOf(secretPlan, { offeringId: secretOffering })] },
];

story("a platform sees only what is granted to it, under an ETag of its own", async (t, start) => {
  const broker = await start();
  const plans = new Map([[largerPlan, [{ platform: "b" }]]]);
  const granted = new Map([[secretOffering, [{ platform: "a", organization: "org" }, { platform: "c" }]]]);
  broker.offer(offerings, [], { ...everythingVisible, plans, offerings: granted });
  const seenBy = async (platform: string, headers = {}) => {
    const {
      status,
      body,
      headers: got,
    } = await broker.ask("GET", "/catalog", undefined, {
      authorization: platform,
      ...headers,
    });
    const services = (body.services ?? []) as {
      readonly name: string;
      readonly plans: readonly { readonly id: string }[];
    }[];
    return { status, etag: String(got.etag), plans: services.flatMap((each) => each.plans.map(({ id }) => id)) };
  };
  const [a, b, c] = [await seenBy("a"), await seenBy("b"), await seenBy("c")];
  t.same(a.plans, [syncPlan, asyncPlan, secretPlan], "some organisation behind a may order it");
  t.same(b.plans, [syncPlan, asyncPlan, largerPlan]);
  t.same(c.plans, [syncPlan, asyncPlan, secretPlan]);
  t.equal(new Set([a.etag, b.etag, c.etag]).size, 3);
  t.equal((await seenBy("b", { "if-none-match": b.etag })).status, 304);
  t.equal((await seenBy("b", { "if-none-match": a.etag })).status, 200, "another's ETag is not one's own");
  const zipped = await broker.app.inject({
    url: "/v2/catalog",
    headers: { authorization: "b", "x-broker-api-version": "2.17", "accept-encoding": "gzip" },
  });
  t.notMatch(zipped.rawPayload.toString("latin1"), secretPlan);
  broker.offer(offerings, [], { ...everythingVisible, providers: new Map([["scripted", [{ platform: "b" }]]]) });
  t.same((await seenBy("a")).plans, [], "nothing of a provider that is not for it");
  t.equal((await seenBy("b")).plans.length, 4);
});

story("a hidden plan answers like an unknown one, to an order, a change, a binding and a removal", async (t, start) => {
  const broker = await start();
  const hidden = { ...everythingVisible, offerings: new Map([[secretOffering, [{ organization: "other" }]]]) };
  broker.offer(offerings, [], hidden);
  const wanted = { ...order(secretPlan), service_id: secretOffering };
  const nowhere = { ...order("20000000-0000-4000-8000-0000000000ff"), service_id: secretOffering };
  const unknown = await broker.ask("PUT", instance, nowhere);
  const answer = await broker.ask("PUT", instance, wanted);
  t.same([answer.status, answer.body], [unknown.status, unknown.body]);
  t.match(answer, { status: 400, body: { error: "UnknownPlan" } });
  t.equal((await broker.ask("GET", instance)).status, 404, "nothing was made");
  t.equal((await broker.ask("PUT", instance, { ...wanted, organization_guid: "other" })).status, 201, "for whom it is");

  broker.offer(offerings, [], { ...everythingVisible, plans: new Map([[largerPlan, [{ platform: "b" }]]]) });
  t.equal((await broker.ask("PUT", "/service_instances/j", order())).status, 201);
  const changed = await broker.ask("PATCH", "/service_instances/j", access(largerPlan));
  t.match(changed, { status: 400, body: { error: "UnknownPlan" } });
  const bound = await broker.ask("PUT", "/service_instances/j/service_bindings/x", access(largerPlan));
  const boundUnknown = await broker.ask(
    "PUT",
    "/service_instances/j/service_bindings/x",
    access("20000000-0000-4000-8000-0000000000ff"),
  );
  t.same(bound, { ...boundUnknown, headers: bound.headers });
  const removed = await broker.ask("DELETE", `/service_instances/nothing?${hints(largerPlan)}`);
  const removedUnknown = await broker.ask(
    "DELETE",
    `/service_instances/nothing?${hints("20000000-0000-4000-8000-0000000000ff")}`,
  );
  t.same([removed.status, removed.body], [removedUnknown.status, removedUnknown.body]);
});

story("what is hidden later stays in the hands of those who have it", async (t, start) => {
  const broker = await start();
  t.equal((await broker.ask("PUT", instance, order())).status, 201);
  broker.offer(offerings, [], { ...everythingVisible, offerings: new Map([[offeringId, [{ platform: "b" }]]]) });
  t.equal((await broker.ask("PUT", instance, order())).status, 200, "an order repeated");
  t.equal((await broker.ask("PUT", `${instance}/service_bindings/x`, access())).status, 201);
  t.equal((await broker.ask("PATCH", instance, { service_id: offeringId, parameters: { size: 2 } })).status, 200);
  const toLarger = await broker.ask("PATCH", instance, access(largerPlan));
  t.match(toLarger, { status: 400, body: { error: "UnknownPlan" } }, "but no other plan of it");
  t.equal((await broker.ask("DELETE", `${instance}/service_bindings/x?${hints()}`)).status, 200);
  t.equal((await broker.ask("DELETE", `${instance}?${hints()}`)).status, 200);
  t.match(await broker.ask("PUT", instance, order()), { status: 400, body: { error: "UnknownPlan" } });
});
