/** Comparison broker 1: prepared statements and one transaction, so one sync, for every single write. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { Pool } from "undici";
import { exchange } from "../adapter/exchange.ts";
import { buildFront, listen, type ProvisionBody } from "./front.ts";
import { schema } from "./schema.ts";

const database = new Database(join(process.env.BENCH_FOLDER ?? ".", "each.sqlite"));
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec(schema);

const addInstance = database.prepare("insert into instances values (?, ?, 'provisioning', ?, ?)");
const addOperation = database.prepare("insert into operations values (?, ?, 'open', ?)");
const addAudit = database.prepare("insert into audit (at, who, what, instance) values (?, 'platform', ?, ?)");
const setInstance = database.prepare("update instances set state = 'ready', updated_at = ? where id = ?");
const setOperation = database.prepare("update operations set state = 'succeeded', updated_at = ? where token = ?");

const writeOrder = database.transaction((id: string, token: string, body: ProvisionBody, now: number) => {
  addInstance.run(id, body.plan_id, JSON.stringify(body), now);
  addOperation.run(token, id, now);
  addAudit.run(now, "provision", id);
});
const writeOutcome = database.transaction((id: string, token: string, now: number) => {
  setInstance.run(now, id);
  setOperation.run(now, token);
  addAudit.run(now, "provisioned", id);
});

const pool = new Pool(process.env.BENCH_PROVIDER ?? "", { connections: 64 });

const app = buildFront(process.env.BENCH_AUTHORIZATION ?? "", async (id, token, body) => {
  writeOrder.immediate(id, token, body, Date.now());
  const reply = await exchange(pool, "PUT", `/v2/service_instances/${id}`, JSON.stringify({ token }));
  if (reply.status !== 201) throw new Error(`the provider answered ${reply.status}`);
  writeOutcome.immediate(id, token, Date.now());
});
await listen(app);
