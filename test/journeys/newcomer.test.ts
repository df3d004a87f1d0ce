/** A newcomer's first minutes: `npm start`, and every line it prints pasted into a shell, one by one. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import t from "tap";
import type { JsonObject } from "../../src/core/adapter.ts";
import { reachableDirectory, serve } from "../support/command.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { onBothDatabases } from "../support/stories.ts";

const story = onBothDatabases(t, await postgresqlForTests(t));

/** Types lines into one bash, as a person does, and returns what each printed. */
function openShell(): { type(line: string): Promise<string>; close(): void } {
  const shell: ChildProcessWithoutNullStreams = spawn("bash", ["--noprofile", "--norc"], {
    env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/" },
  });
  let heard = "";
  let hear = () => {};
  const listen = (chunk: Buffer) => {
    heard += chunk;
    hear();
  };
  shell.stdout.on("data", listen);
  shell.stderr.on("data", listen);
  const end = "--- end of answer ---";
  return {
    type: (line) =>
      new Promise((resolve) => {
        heard = "";
        hear = () => {
          if (heard.endsWith(`${end}\n`)) resolve(heard.slice(0, -end.length - 1).trim());
        };
        shell.stdin.write(`${line}\necho '${end}'\n`);
      }),
    close: () => shell.stdin.end(),
  };
}

const refusal = async (uri: string): Promise<string> => {
  const client = new pg.Client({ connectionString: uri });
  try {
    await client.connect();
    await client.end();
    return "let in";
  } catch (error) {
    return (error as { readonly code?: string }).code ?? "unknown";
  }
};

story("npm start, and every printed line works when it is pasted", async (t, databaseUrl) => {
  const data = join(reachableDirectory(t), "data");
  const broker = await serve(t, { LOTSE_DATA_DIR: data, LOTSE_DATABASE_URL: databaseUrl }, ["npm", "start"]);
  const printed = await untilPrinted(
    () => broker.output(),
    /^ {2}osb -X DELETE "\$LOTSE\/v2\/service_instances\/demo-1\?.*$/m,
  );
  const lines = printed
    .slice(printed.indexOf("Paste these lines"))
    .split("\n")
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  t.equal(lines.length, 14, "fourteen lines to paste, four of them remarks");
  t.equal(statSync(join(data, "first-run.json")).mode & 0o777, 0o600, "only its owner may read the password");

  const shell = openShell();
  t.teardown(() => shell.close());
  const answers: string[] = [];
  let uri = "";
  for (const line of lines) {
    const answer = await shell.type(line);
    if (line.startsWith("command -v psql")) {
      // Silent where psql is not installed.
      t.match(answer, /^$|lotse_[0-9a-z]{26}/, line);
      continue;
    }
    if (!line.startsWith("osb -") && !line.startsWith('osb "') && !line.startsWith("osb $")) {
      t.equal(answer, "", line);
      continue;
    }
    const body = JSON.parse(answer) as JsonObject & { readonly credentials?: { readonly uri: string } };
    answers.push(answer);
    switch (answers.length) {
      case 1:
        t.ok(
          (body.services as unknown as { name: string }[]).some(({ name }) => name === "postgresql"),
          line,
        );
        break;
      case 2:
        t.notOk(body.error, line);
        break;
      case 3:
        t.same(body, { state: "succeeded" }, line);
        break;
      case 4:
        uri = body.credentials?.uri ?? "";
        t.match(uri, /^postgresql:/, line);
        t.same(await writeAndRead(uri), [{ word: "Moin" }], "the login may write a row and read it");
        break;
      case 5:
        t.match(body, { service_id: String, plan_id: String, parameters: {} }, line);
        break;
      case 6:
        t.same(body, {}, line);
        t.equal(await refusal(uri), "28P01", "the login is refused after it was given back");
        break;
      default:
        t.same(body, {}, line);
    }
  }
  t.equal(answers.length, 7, "answers");
  t.equal(await databaseCount(uri, data), 0, "the database is gone");
  await broker.stop();
  t.equal(await refusal(uri), "ECONNREFUSED", "Ctrl-C ends the broker and its servers with it");
});

t.test("with providers of one's own, the printed lines show the catalog and order nothing", async (t) => {
  const directory = reachableDirectory(t);
  const lotseYaml = join(directory, "lotse.yaml");
  writeFileSync(
    lotseYaml,
    "providers: { landesit-sued-inbox: { adapter: manual, settings: { organisation: Amt (fiktiv) } } }\n",
  );
  const broker = await serve(t, { LOTSE_DATA_DIR: join(directory, "data"), LOTSE_CONFIG: lotseYaml });
  const printed = await untilPrinted(() => broker.output(), /^ {2}osb .*\n/m);
  t.match(printed, /^ {2}osb \$LOTSE\/v2\/catalog$/m);
  await broker.stop();
  t.notMatch(broker.output(), /psql|order a database|-X (PUT|DELETE)/);
});

async function untilPrinted(output: () => string, last: RegExp): Promise<string> {
  while (!last.test(output())) await new Promise((resolve) => setTimeout(resolve, 20));
  return output();
}

async function writeAndRead(uri: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: uri });
  await client.connect();
  try {
    await client.query("CREATE TABLE words (word text)");
    await client.query("INSERT INTO words VALUES ('Moin')");
    return (await client.query("SELECT word FROM words")).rows;
  } finally {
    await client.end();
  }
}

/** As the operator of the demonstration's server sees it; its password lies in the data directory. */
async function databaseCount(uri: string, data: string): Promise<number> {
  const { hostname, port, pathname } = new URL(uri);
  const password = readFileSync(join(data, "providers.password"), "utf8").trim();
  const client = new pg.Client({
    host: hostname,
    port: Number(port),
    user: "lotse_operator",
    password,
    database: "postgres",
  });
  await client.connect();
  try {
    const found = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [pathname.slice(1)]);
    return found.rowCount ?? 0;
  } finally {
    await client.end();
  }
}
