/**
 * What moto's RDS leaves out: it has every database instance `available` at once, changed at once and gone at once, with
 * nothing behind its endpoint. Here an instance takes its time as on AWS, and a real server is there when it is ready.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { Database, Databases } from "./databases.ts";

/** What was answered: by moto, or instead of it. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Instance {
  status: "creating" | "available" | "modifying" | "storage-optimization" | "deleting" | "failed";
  /** moto's words about it, when it was last seen. */
  block: string;
  database?: Database;
  /** Class and storage as they still are, while a change is on its way. */
  before?: { readonly DBInstanceClass: string; readonly AllocatedStorage: string };
}

// AWS shows a change as pending for a moment before the status tells of it.
const momentMs = 150;
// AWS's own limit for a new account.
const mostInstances = 40;

export interface Rds {
  /** Answers a call; `forward` asks moto, which checks signature and rights first. */
  answer(form: URLSearchParams, forward: () => Promise<Answer>): Promise<Answer>;
  close(): Promise<void>;
}

export function openRds(databases: Databases): Rds {
  const instances = new Map<string, Instance>();

  async function create(name: string, form: URLSearchParams, forward: () => Promise<Answer>): Promise<Answer> {
    if (instances.get(name)?.status === "deleting")
      return refuse("DBInstanceAlreadyExists", "DB instance already exists");
    if (instances.size >= mostInstances && !instances.has(name))
      return refuse("InstanceQuotaExceeded", "Your account has reached the maximum number of DB instances.");
    const answer = await forward();
    if (answer.status !== 200) return answer;
    const instance: Instance = { status: "creating", block: blocksOf(answer.body)[0] ?? "" };
    instances.set(name, instance);
    void build(name, instance, form);
    return tell(answer);
  }

  async function build(name: string, instance: Instance, form: URLSearchParams): Promise<void> {
    const [user, password] = [form.get("MasterUsername") ?? "", form.get("MasterUserPassword") ?? ""];
    try {
      instance.database = await databases.create(name, user, password, form.get("DBName") ?? undefined);
      if (instance.status === "creating") instance.status = "available";
    } catch (error) {
      console.error(error);
      instance.status = "failed";
    }
    if (instance.status === "deleting") await remove(name, instance);
  }

  async function change(name: string, form: URLSearchParams, forward: () => Promise<Answer>): Promise<Answer> {
    const instance = instances.get(name);
    if (instance !== undefined && (!["available", "storage-optimization"].includes(instance.status) || instance.before))
      return refuse("InvalidDBInstanceState", `Database instance is not in available state.`);
    const before = instance && {
      DBInstanceClass: textOf(instance.block, "DBInstanceClass"),
      AllocatedStorage: textOf(instance.block, "AllocatedStorage"),
    };
    const answer = await forward();
    if (answer.status !== 200 || instance === undefined || before === undefined) return answer;
    instance.before = before;
    void carryOut(
      instance,
      form,
      textOf(blocksOf(answer.body)[0] ?? "", "AllocatedStorage") !== before.AllocatedStorage,
    );
    return tell(answer);
  }

  async function carryOut(instance: Instance, form: URLSearchParams, grows: boolean): Promise<void> {
    const goOn = async (status: Instance["status"]) => {
      await wait(momentMs);
      if (instance.status !== "deleting") instance.status = status;
    };
    await goOn("modifying");
    const password = form.get("MasterUserPassword");
    if (password !== null) await instance.database?.setPassword(textOf(instance.block, "MasterUsername"), password);
    await goOn(grows ? "storage-optimization" : "available");
    delete instance.before;
    if (grows) await goOn("available");
  }

  async function end(name: string, form: URLSearchParams, forward: () => Promise<Answer>): Promise<Answer> {
    const instance = instances.get(name);
    if (instance?.status === "deleting")
      return refuse("InvalidDBInstanceState", `Instance ${name} is already being deleted.`);
    if (instance !== undefined && instance.status !== "available" && form.has("FinalDBSnapshotIdentifier"))
      return refuse(
        "InvalidDBInstanceState",
        `Cannot create a snapshot because the database instance ${name} is not currently in the available state.`,
      );
    const answer = await forward();
    if (answer.status !== 200 || instance === undefined) return answer;
    const building = instance.status === "creating";
    instance.status = "deleting";
    if (!building) void remove(name, instance);
    return tell(answer);
  }

  async function remove(name: string, instance: Instance): Promise<void> {
    await instance.database?.remove().catch((error: unknown) => console.error(error));
    await wait(momentMs);
    instances.delete(name);
  }

  /** moto's answer, with each instance as it is now. */
  function tell(answer: Answer, wanted?: string): Answer {
    const leaving = [...instances].filter(
      ([name, { status }]) => status === "deleting" && (wanted === undefined || wanted === name),
    );
    if (answer.status === 404 && wanted !== undefined && leaving[0] !== undefined)
      return { status: 200, body: describing(show(leaving[0][1])) };
    if (answer.status !== 200) return answer;
    const body = answer.body.replaceAll(/<DBInstance>.*?<\/DBInstance>/gs, (block) => {
      const instance = instances.get(textOf(block, "DBInstanceIdentifier"));
      if (instance === undefined) return block;
      instance.block = block;
      return show(instance);
    });
    const there = new Set(blocksOf(body).map((block) => textOf(block, "DBInstanceIdentifier")));
    const ghosts = leaving.filter(([name]) => !there.has(name)).map(([, instance]) => show(instance));
    if (ghosts.length === 0) return { ...answer, body };
    return {
      ...answer,
      body: body.includes("<DBInstances/>")
        ? body.replace("<DBInstances/>", `<DBInstances>${ghosts.join("")}</DBInstances>`)
        : body.replace("</DBInstances>", `${ghosts.join("")}</DBInstances>`),
    };
  }

  return {
    async answer(form, forward) {
      const name = (form.get("DBInstanceIdentifier") ?? "").toLowerCase();
      switch (form.get("Action")) {
        case "CreateDBInstance":
          return create(name, form, forward);
        case "ModifyDBInstance":
          return change(name, form, forward);
        case "DeleteDBInstance":
          return end(name, form, forward);
        case "DescribeDBInstances":
          return tell(await forward(), name || undefined);
        default:
          return forward();
      }
    },
    async close() {
      await Promise.allSettled([...instances.values()].map(({ database }) => database?.remove()));
    },
  };
}

const blocksOf = (body: string): readonly string[] => body.match(/<DBInstance>.*?<\/DBInstance>/gs) ?? [];

const textOf = (block: string, name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(block)?.[1] ?? "";

const set = (block: string, name: string, text: string): string =>
  block.replace(new RegExp(`<${name}>[^<]*</${name}>`), `<${name}>${text}</${name}>`);

function show({ block, status, database, before }: Instance): string {
  let shown = set(block, "DBInstanceStatus", status);
  shown = shown.replace(/<Endpoint>.*?<\/Endpoint>|<Endpoint\/>/s, "");
  if (database !== undefined && status !== "creating")
    shown = shown.replace(
      "</DBInstance>",
      `<Endpoint><Address>${database.address}</Address><Port>${database.port}</Port></Endpoint></DBInstance>`,
    );
  if (before === undefined) return shown;
  const pending = Object.entries(before).filter(([name, text]) => textOf(block, name) !== text);
  const words = pending.map(([name]) => `<${name}>${textOf(block, name)}</${name}>`).join("");
  for (const [name, text] of pending) shown = set(shown, name, text);
  shown = shown.replace(/<PendingModifiedValues>.*?<\/PendingModifiedValues>|<PendingModifiedValues\/>/s, "");
  return shown.replace("</DBInstance>", `<PendingModifiedValues>${words}</PendingModifiedValues></DBInstance>`);
}

function refuse(code: string, message: string): Answer {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { status: 400, body: `<ErrorResponse>${error}<RequestId>0</RequestId></ErrorResponse>` };
}

function describing(block: string): string {
  const result = `<DescribeDBInstancesResult><DBInstances>${block}</DBInstances></DescribeDBInstancesResult>`;
  return `<DescribeDBInstancesResponse>${result}</DescribeDBInstancesResponse>`;
}
