/** The OpenTofu adapter on the real program, with modules for a real PostgreSQL server. */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import kind from "../../brokers/opentofu/index.ts";
import {
  type House,
  type Json,
  type JsonObject,
  type Order,
  Secret,
  type States,
  type UpdateOrder,
  type Verb,
} from "../../src/core/adapter.ts";
import { temporaryDirectory } from "../support/broker.ts";
import { until } from "../support/crashes.ts";
import {
  accountValues,
  around,
  databasePlan,
  houseForTests,
  modules,
  openAccount,
  processesIn,
  thingsOn,
  workDirectoryFor,
  works,
} from "../support/opentofu.ts";
import { onPeer } from "../support/peers.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { startStatementProxy, type Verdict } from "../support/statement-proxy.ts";
import { closedPort } from "../support/wire.ts";
import { type Final, keepsEveryPromise, openStage, type Subject } from "./promise.ts";

void onPeer(t, "opentofu", async (facts) => {
  const server = await postgresqlForTests(t);
  const { house } = await houseForTests(t);
  const workDirectory = workDirectoryFor(t);
  const account = { facts, server, workDirectory };

  const subject: Subject = {
    open: () => openAccount(account, house),
    async losing(nth) {
      let moments = 0;
      let looked = false;
      const adapter = await openAccount(
        account,
        around(house, async (run, name) => {
          const looks = ["about", "all", "read", "touch"].includes(name);
          // Between two changes all looks find the same, so the first of them is enough.
          const mine = looks && looked ? undefined : ++moments;
          looked = looks;
          const answer = await run();
          if (mine === nth) throw new Error("The answer got lost.");
          return answer;
        }),
      );
      return { adapter, lost: () => moments >= nth };
    },
    async hanging() {
      const reached = Promise.withResolvers<void>();
      const adapter = await openAccount(
        account,
        around(house, () => {
          reached.resolve();
          return new Promise(() => undefined);
        }),
      );
      return { adapter, reached: reached.promise };
    },
    async broken() {
      const away = around(house, async () => {
        throw new Error("The database is away.");
      });
      return new Map([["the database is away", await openAccount(account, away)]]);
    },
    inventory: (id) => thingsOn(server, id),
    works,
    backend: databasePlan,
    largerBackend: { ...databasePlan, variables: { tier: "larger" } },
    parameters: { connections: 5 },
    changedParameters: { connections: 9 },
    bindingParameters: {},
    refused: {
      parameters: { connections: 1, label: "a label that is far too long for anybody to read" },
      text: "a label that is far too long",
    },
    secrets: [server.password],
    patienceMs: 60_000,
    atOnce: 3,
  };

  await keepsEveryPromise(t, subject);

  // ---- stories --------------------------------------------------------------------------------------------------

  /** One instance of a plan at an account, as its customer leads it. */
  async function shop(
    t: Test,
    parameters: JsonObject,
    more: { settings?: JsonObject; backend?: Json; through?: number } = {},
  ) {
    const { settings, backend = databasePlan, through } = more;
    const wanted = {
      ...account,
      ...(settings !== undefined && { settings }),
      ...(through !== undefined && { through }),
    };
    const adapter = await openAccount(wanted, house);
    t.teardown(() => adapter.close?.());
    const stage = openStage({ ...subject, backend });
    const thing = stage.instance(parameters);
    const carry = (verb: Verb, order?: Partial<Order>) => stage.carry(adapter, stage.order(verb, thing, order), thing);
    const look = () => {
      const order = stage.order("provision", thing);
      return adapter.fetch?.(order, stage.tools(order.token));
    };
    return { adapter, stage, thing, carry, look };
  }

  /** A line to the server on which the first database to be made is held. */
  async function holdsCreation(t: Test, verdict: Verdict) {
    const { promise: reached, resolve } = Promise.withResolvers<void>();
    let held = false;
    const proxy = await startStatementProxy(t, server, {
      judge({ text }) {
        if (held || !text.includes("create database")) return "pass";
        held = true;
        return verdict;
      },
      onReached: () => resolve(),
    });
    return { proxy, reached };
  }

  const story = (name: string, tell: (t: Test) => Promise<void>) =>
    t.test(name, async (t) => {
      const before = await thingsOn(server);
      await tell(t);
      t.same(await thingsOn(server), before, "nothing is left");
    });

  await story("a value stays a value, whatever is written in it", async (t) => {
    const sign = "$";
    const label = `${sign}{file("/etc/hostname")} %{ if true }`;
    const { thing, carry } = await shop(t, {
      connections: 2,
      label,
      tags: [label, 'x" } resource "y" {}'],
      tier: "free",
    });
    const outcome = await carry("provision");
    t.match(outcome, { state: "done", made: { metadata: { attributes: { tier: "small" } } } });
    const [line = ""] = await thingsOn(server, thing.id);
    const comment = JSON.parse(line.slice(line.indexOf("{")));
    t.same(comment.tags, [label, 'x" } resource "y" {}']);
    t.equal(comment.tier, "small", "a parameter that the plan does not name is none of the module's business");
    t.match(await carry("deprovision"), { state: "done" });
  });

  await story("an error is tried again, and then told without secrets", async (t) => {
    const through = await closedPort();
    const { stage, carry } = await shop(t, { connections: 2 }, { through, settings: { tries: 2 } });
    const outcome = await carry("provision");
    t.match(outcome, {
      state: "failed",
      clean: false,
      reason: /module ended with an error. The role cannot be made: .*refused/,
    });
    t.match(await carry("deprovision"), { state: "done" });
    stage.nothingLeaked();
  });

  await story(
    "whichever of a provider's calls is lost, before or after it took effect, one thing is made",
    async (t) => {
      const losses = ["create role", "alter role", "create database", "alter database"].flatMap((call) =>
        (["cut before", "cut after"] as const).map((verdict) => ({ call, verdict, id: "", lost: false })),
      );
      const proxy = await startStatementProxy(t, server, {
        judge({ text }) {
          const loss = losses.find(
            ({ call, id, lost }) => !lost && id !== "" && text.includes(id) && text.includes(call),
          );
          if (loss === undefined) return "pass";
          loss.lost = true;
          return loss.verdict;
        },
      });
      const { adapter, stage } = await shop(t, {}, { through: proxy.port, settings: { tries: 3 } });
      await Promise.all(
        losses.map(async (loss) => {
          const thing = stage.instance({ connections: 2 });
          loss.id = thing.id;
          await stage.run(adapter, "provision", thing);
          const things = await thingsOn(server, thing.id);
          t.equal(things.length, 2, `${loss.call}, ${loss.verdict}: one database and its owner`);
          t.equal(loss.lost, true);
          await stage.run(adapter, "deprovision", thing);
        }),
      );
    },
  );

  await story("a run that takes too long is told to stop, and what it made goes with the clean-up", async (t) => {
    const proxy = await startStatementProxy(t, server, {
      judge: ({ text }) => (text.includes("create database") ? "hold after" : "pass"),
      onReached: () => void setTimeout(() => proxy.release(), 3_500),
    });
    const { carry } = await shop(t, { connections: 2 }, { through: proxy.port, settings: { runMs: 2_000, tries: 1 } });
    t.match(await carry("provision"), { state: "failed", reason: /did not end within 2 s/ });
    t.match(await carry("deprovision"), { state: "done" });
  });

  await story("what was cut off together with OpenTofu is found, and goes with the removal", async (t) => {
    const says = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, "utf8");
    for (const alone of [false, true]) {
      const { proxy, reached } = await holdsCreation(t, "hold after");
      const { stage, adapter, thing, carry } = await shop(t, { connections: 2 }, { through: proxy.port });
      const order = stage.order("provision", thing);
      const taken = new AbortController();
      const first = adapter.provision(order, stage.tools(order.token, taken.signal));
      first.catch(() => undefined);
      await reached;
      taken.abort(new Error("The order was taken back."));
      const all = processesIn(workDirectory);
      const ended = alone ? all.filter((pid) => says(pid).includes("-auto-approve")) : all;
      t.equal(ended.length > 0 && all.length > ended.length === alone, true, "its runner is left, or nothing");
      for (const pid of ended) process.kill(pid, "SIGKILL");
      // A provider that lost its OpenTofu would wait for ever.
      for (const pid of all.filter((pid) => !ended.includes(pid) && !says(pid).includes("runner.ts")))
        process.kill(pid, "SIGKILL");
      proxy.release();
      await first.catch(() => undefined);
      const removal = { interrupted: { token: order.token } };
      const away = await openAccount({ ...account, through: await closedPort(), settings: { tries: 2 } }, house);
      t.teardown(() => away.close?.());
      t.match(
        await stage.carry(away, stage.order("deprovision", thing, removal), thing),
        { state: "failed", clean: false, reason: /may have made has to be found .*refused/ },
        "as long as nobody can look, it is not forgotten",
      );
      t.match(await carry("deprovision", removal), { state: "done" });
    }
  });

  await story(
    "OpenTofu that lost its runner is waited for, and what it wrote in despair is sealed, and kept",
    async (t) => {
      for (const closed of [false, true]) {
        const { proxy, reached } = await holdsCreation(t, "hold before");
        const { states } = house;
        const written: string[] = [];
        const write: States["write"] = (id, lock, body) => {
          written.push(body.reveal());
          return states.write(id, lock, body);
        };
        const watched: House = { ...house, states: { ...states, write } };
        const open = () => openAccount({ ...account, through: proxy.port }, watched);
        const stage = openStage(subject);
        const thing = stage.instance({ connections: 2 });
        const order = stage.order("provision", thing);
        const first = await open();
        const begun = async () => {
          const outcome = await first.provision(order, stage.tools(order.token));
          return outcome.state === "pending" && / of 2/.test(outcome.note ?? "");
        };
        await Promise.all([reached, until(begun)]);
        if (closed) await first.close?.();
        const holder = (await states.read(thing.id))?.lock?.holder.reveal() as { pid: number; directory: string };
        process.kill(holder.pid, "SIGKILL");
        if (!closed)
          t.match(
            await first.provision(order, stage.tools(order.token)),
            { state: "pending", note: /of 2 changes are made \(planned: 2 to add\)/ },
            "it is not begun a second time",
          );
        proxy.release();
        if (closed) {
          await until(() => processesIn(workDirectory).length === 0);
          const despair = readFileSync(join(holder.directory, "errored.tfstate"), "utf8");
          t.match(despair, "encrypted_data");
          t.notMatch(despair, "resources", "nobody else can read it");
        }
        const second = closed ? await open() : first;
        t.teardown(() => second.close?.());
        await stage.done(second, order, thing);
        t.equal((await thingsOn(server, thing.id)).length, 2, "one database and its owner");
        t.match(written[0], "postgresql_database", "Lotse knows what was made before it begins anything");
        await stage.run(second, "deprovision", thing);
      }
    },
  );

  await story(
    "a newer version of a module is applied when it is asked for, and an old one removes what it made",
    async (t) => {
      const root = temporaryDirectory(t);
      for (const version of ["1.0.0", "1.1.0"]) {
        const directory = join(root, "database", version);
        cpSync(join(modules, "database"), directory, { recursive: true });
        const file = join(directory, "main.tf");
        writeFileSync(file, readFileSync(file, "utf8").replace("tier = var.tier", `tier = "of ${version}"`));
      }
      const { adapter, stage, thing, carry } = await shop(t, { connections: 2 }, { settings: { modules: root } });
      const at = (maintenanceVersion: string) => ({
        plan: { id: "plan", backend: databasePlan, maintenanceVersion },
      });
      await carry("provision", at("1.0.0"));
      t.match(await thingsOn(server, thing.id), [/of 1\.0\.0/]);
      t.match(await carry("update", at("1.1.0")), {
        state: "done",
        made: { facts: { module: "database", version: "1.1.0" } },
      });
      t.match(await thingsOn(server, thing.id), [/of 1\.1\.0/]);
      for (const version of ["1.2.0", "../../etc"]) {
        const order = stage.order("update", thing, at(version)) as UpdateOrder;
        t.match(
          await adapter.update?.(order, stage.tools(order.token)),
          { state: "pending", note: /not put everything in its place/ },
          `${version} is waited for, and no other one taken`,
        );
      }
      t.match(await carry("deprovision", at("1.2.0")), { state: "done" }, "whatever the plan says by now");
    },
  );

  await story(
    "what is changed by hand is told, and put right by the next change; what is gone is not listed",
    async (t) => {
      const { adapter, thing, carry, look } = await shop(t, { connections: 2 }, { settings: { compareMs: 1 } });
      const listed = async () =>
        (await adapter.inventory?.(new AbortController().signal))?.filter(({ id }) => id === thing.id).length;
      await carry("provision");
      t.equal(await listed(), 1);
      t.notMatch(await look(), { metadata: { attributes: { changedOutsideOfLotse: [] } } });
      const name = `lotse_${thing.id}`;
      await server.query(`alter database ${name} connection limit 77`);
      t.equal(await listed(), 1);
      t.match(await look(), {
        metadata: { attributes: { changedOutsideOfLotse: ["postgresql_database.this (update)"] } },
      });
      await carry("update");
      t.match(await thingsOn(server, thing.id), [/^database \w+ 2 /]);
      t.notMatch(await look(), { metadata: { attributes: { changedOutsideOfLotse: [] } } });
      await server.query(`drop database ${name}`);
      await server.query(`drop role ${name}_owner`);
      t.equal(await listed(), 0);
      t.equal(await look(), undefined);
      t.match(await carry("deprovision"), { state: "done" });
    },
  );

  await story(
    "a run on another machine is waited for, and when it was silent too long it may write no more",
    async (t) => {
      const { states } = house;
      const { adapter, stage, thing } = await shop(t, { connections: 2 }, { settings: { abandonedMs: 1_000 } });
      const owner = { id: thing.id, instanceId: thing.id };
      const work = { module: "database", variables: {} };
      const order = stage.order("provision", thing);
      const holder = {
        token: order.token,
        host: "elsewhere",
        pid: 1,
        born: "",
        directory: "",
        key: "",
        tries: 1,
        touched: false,
        blind: false,
        mending: false,
      };
      await states.lock(owner, { id: "theirs", holder: new Secret({ ...holder, work, purpose: "apply" }) });
      const first = await adapter.provision(order, stage.tools(order.token));
      t.match(first, { state: "pending", note: /Another replica/ });
      await stage.done(adapter, order, thing);
      t.equal(await states.write(thing.id, "theirs", new Secret("{}")), false, "the state is no longer theirs");
      await stage.run(adapter, "deprovision", thing);
    },
  );

  await story("two replicas that carry out one order make one thing", async (t) => {
    const [one, two] = [await shop(t, { connections: 2 }), await shop(t, { connections: 2 })];
    const order = one.stage.order("provision", one.thing);
    const both = [one, two].map(({ adapter }) => one.stage.carry(adapter, order, { ...one.thing }));
    t.match(await Promise.all(both), [{ state: "done" }, { state: "done" }]);
    t.equal((await thingsOn(server, one.thing.id)).length, 2, "one database and its owner");
    await one.stage.run(two.adapter, "deprovision", one.thing);
  });

  await story("however often Lotse's database fails before it does anything, the order is carried out", async (t) => {
    let calls = 0;
    const adapter = await openAccount(
      account,
      around(house, async (run) => {
        if (++calls % 3 === 1) throw new Error("The database is away.");
        return run();
      }),
    );
    t.teardown(() => adapter.close?.());
    const stage = openStage(subject);
    const thing = stage.instance();
    for (const verb of ["provision", "deprovision"] as const) {
      const order = stage.order(verb, thing);
      let outcome: Final | undefined;
      while (outcome === undefined) outcome = await stage.carry(adapter, order, thing).catch(() => undefined);
      t.match(outcome, { state: "done" });
    }
  });

  await story("a check names the module that is broken, and the provider that the mirror lacks", async (t) => {
    const root = temporaryDirectory(t);
    const check = async (files: string) => {
      mkdirSync(join(root, "one"), { recursive: true });
      writeFileSync(join(root, "one", "main.tf"), files);
      const { adapter } = await shop(t, {}, { settings: { modules: root } });
      return adapter.check?.(new AbortController().signal);
    };
    t.equal(await check('output "one" { value = 1 }'), undefined);
    t.match(await check('output "one" { value = nothing.there }'), /\/one\/main\.tf:1: .*undeclared resource/i);
    t.match(
      await check('terraform {\n required_providers {\n x = { source = "lotse.example/tests/unknown" }\n }\n}'),
      /tests\/unknown/,
    );
    t.match(await check("output {"), /\/one\/main\.tf:1: /);
  });

  await story("a module's check tells what does not hold, and makes nothing", async (t) => {
    const root = temporaryDirectory(t);
    const check = async (files: string) => {
      mkdirSync(join(root, "one", "check"), { recursive: true });
      writeFileSync(join(root, "one", "main.tf"), 'output "one" { value = 1 }');
      writeFileSync(join(root, "one", "check", "main.tf"), files);
      const { adapter } = await shop(t, {}, { settings: { modules: root } });
      return adapter.check?.(new AbortController().signal);
    };
    const assertion = (holds: boolean) =>
      `variable "host" {}\ncheck "x" {\n assert {\n condition = ${holds} && var.host != ""\n error_message = "No room."\n }\n}\n`;
    t.equal(await check(assertion(true)), undefined);
    t.match(await check(assertion(false)), /\/one\/check\/main\.tf:4: .*No room\./);
    t.match(await check('resource "terraform_data" "x" {}'), /\/one\/check: makes something itself/);
  });

  await t.test("a program that ends well where OpenTofu did not is no success", async (t) => {
    const around = (line: string) => {
      const program = join(temporaryDirectory(t), "tofu");
      writeFileSync(program, `#!/bin/bash\n[ "$1" = version ] && exec ${facts.binary} "$@"\n${line}\n`, {
        mode: 0o755,
      });
      return shop(t, { connections: 1, label: "x".repeat(99) }, { settings: { binary: program, tries: 1 } });
    };
    const piped = await around(`${facts.binary} "$@" | cat`);
    t.match(await piped.carry("provision"), { state: "failed", reason: /longer than 40/ });
    const silent = await around("exit 0");
    t.match(await silent.carry("provision"), { state: "failed", reason: /without OpenTofu's summary/ });
  });

  await t.test("an account that cannot work is refused with advice", async (t) => {
    const open = (settings: JsonObject, secret = "{}") =>
      kind.open(
        { values: { ...accountValues(account), ...settings }, secrets: { secretVariables: new Secret(secret) } },
        house,
      );
    await t.rejects(open({ binary: "/nowhere/tofu" }), /binary: there is no program \/nowhere\/tofu. Install OpenTofu/);
    await t.rejects(open({ binary: "no-such-program" }), /no program "no-such-program" in PATH/);
    await t.rejects(open({ binary: "/bin/true" }), /\/bin\/true does not answer .* as OpenTofu/);
    await t.rejects(open({ modules: "nowhere" }), /modules: there is no directory/);
    const broken = await open({}, "no json, but canary").catch((error: Error) => error.message);
    t.match(broken, /secretVariables must be a JSON object as text/);
    t.notMatch(broken, "canary");
    await t.rejects(open({}, '{"lotse_x":1}'), /lotse_x/);
    await t.rejects(openAccount(account, undefined), /named in lotse.yaml/);
    const old = join(temporaryDirectory(t), "tofu");
    writeFileSync(old, '#!/bin/sh\necho \'{"terraform_version":"1.6.2"}\'\n', { mode: 0o755 });
    await t.rejects(open({ binary: old }), /version 1\.6\.2, and 1\.11 or newer/);
  });

  await t.test("nothing of a run is left on disk", async (t) => {
    t.same(
      readdirSync(workDirectory).filter((name) => name !== "compiled"),
      [],
    );
  });
});
