/** Requests that must have their answer now, when the provider takes longer than a platform waits (Orphan Mitigation). */
import t from "tap";
import { access, hints, order, syncPlan } from "../support/broker.ts";
import { createGate } from "../support/gate.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { openWorld, told } from "../support/states.ts";
import { onBothDatabases } from "../support/stories.ts";

const story = onBothDatabases(t, await postgresqlForTests(t));

// Long enough for the requests that prepare the scene, on a busy machine too.
const patience = { syncMs: 2000, quickMs: 2000 };
const timedOut = { error: "TimedOut", description: /in time/ };

story("what is not done within its request is undone, and a removal goes on", async (t, databaseUrl) => {
  const { instance, withBinding } = await openWorld(t, { patience, databaseUrl });
  const ended = async (s: Awaited<ReturnType<typeof instance>>, operation: string | undefined) => {
    if (operation !== undefined) await s.end(operation);
  };

  const ordered = async () => {
    const s = await instance("nothing", syncPlan);
    s.script.provision.push(createGate(s.succeed).act);
    const answer = await s.ask("PUT", s.url, order());
    t.match(answer, { status: 500, body: timedOut }, "an order");
    t.notOk("instance_usable" in answer.body);
    await ended(s, (await s.row())?.operation);
    t.match(s.calls.at(-1), /^deprovision/);
    t.match(await s.ask("GET", s.lastOperation), { body: { state: "failed" } });
    t.strictSame(told(await s.ask("DELETE", `${s.url}?${hints()}`)), [200, {}], "the platform cleans up after it");
  };
  const changed = async () => {
    const s = await instance("ready", syncPlan);
    s.script.update.push(createGate(s.succeed).act);
    const answer = await s.ask("PATCH", s.url, access(syncPlan, { parameters: { size: 7 } }));
    t.match(answer, { status: 500, body: { ...timedOut, instance_usable: true, update_repeatable: true } }, "a change");
    await ended(s, (await s.row())?.operation);
    t.match(await s.row(), { state: "ready", operation: undefined });
    t.strictSame((await s.row())?.parameters.reveal(), {}, "the old values");
    t.equal(s.calls.filter((call) => call.startsWith("update")).length, 2, "changed back at the provider");
  };
  const bound = async () => {
    const s = await instance("ready", syncPlan);
    s.script.bind.push(createGate(s.succeed).act);
    t.match(await s.ask("PUT", s.binding(), access()), { status: 500, body: timedOut }, "a binding");
    await ended(s, (await s.bindingRow())?.operation);
    t.match(s.calls.at(-1), /^unbind/);
    t.equal((await s.ask("GET", s.binding())).status, 404);
  };
  const removed = async () => {
    const s = await instance("ready", syncPlan);
    const gate = createGate(s.succeed);
    s.script.deprovision.push(gate.act);
    const answer = await s.ask("DELETE", `${s.url}?${hints()}`);
    t.match(answer, { status: 500, body: { ...timedOut, instance_usable: false } }, "a deletion");
    const operation = (await s.row())?.operation;
    t.match(await s.ask("GET", s.lastOperation), { body: { state: "in progress" } });
    gate.open();
    await ended(s, operation);
    t.strictSame(told(await s.ask("DELETE", `${s.url}?${hints()}`)), [410, {}]);
  };
  const unbound = async () => {
    const s = await withBinding("bound", syncPlan);
    const gate = createGate(s.succeed);
    s.script.unbind.push(gate.act);
    t.match(await s.ask("DELETE", `${s.binding()}?${hints()}`), { status: 500, body: timedOut }, "an unbinding");
    const operation = (await s.bindingRow())?.operation;
    gate.open();
    await ended(s, operation);
    t.equal((await s.ask("DELETE", `${s.binding()}?${hints()}`)).status, 410);
  };
  await Promise.all([ordered(), changed(), bound(), removed(), unbound()]);
});
