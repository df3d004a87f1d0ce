/** docs/conformance.md names every rule of the OSB specification that binds a broker, and a test that exists, for each. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { defaultSwitches } from "../src/core/switches.ts";

const root = join(import.meta.dirname, "..");

/** The rules that oblige or advise a broker, numbered section by section. */
const required: { readonly [section: string]: readonly number[] } = {
  GEN: [1, 2, 3, 5, 8],
  VER: [4, 5, 6],
  OID: [7],
  RID: [2],
  AUTH: [1, 2, 4, 5],
  URL: [1, 2, 4],
  ERR: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  CT: [1, 3],
  CAT: [1, 2, 4, 5, 7, 8, 10, 11, 12, 14, 15, 22, 30, 31, 32, 50, 51, 52, 53, 54, 55],
  ASY: [1, 2, 4, 5, 6, 10, 11],
  CON: [2],
  LOI: [1, 2, 3, 4, 5, 6, 7, 8, 11],
  LOB: [1, 2, 3, 4, 6, 7],
  PROV: [1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18],
  GETI: [1, 2, 3, 4, 7],
  UPD: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 21, 22, 23, 24, 25, 27, 28],
  BIND: [1, 2, 4, 5, 6, 7, 8, 9, 20, 21, 22, 23, 24, 30, 31, 32, 33, 34, 35, 36, 37, 41, 43, 44, 45, 46],
  ROT: [3, 4, 5],
  GETB: [1, 2, 3, 5],
  UNB: [1, 2, 3, 4, 5, 6, 7, 8, 9],
  DEP: [1, 2, 3, 4, 5, 6, 8, 9, 11],
  ORPH: [3],
  PROF: [7, 8, 11],
};
const races = 34;
const platformRules = 18;

const ids = [
  ...Object.entries(required).flatMap(([section, numbers]) =>
    numbers.map((number) => `OSB-${section}-${String(number).padStart(2, "0")}`),
  ),
  ...Array.from({ length: races }, (_, index) => `R${index + 1}`),
  ...Array.from({ length: platformRules }, (_, index) => `P${index + 1}`),
];

interface Row {
  readonly id: string;
  readonly asks: string;
  readonly tests: readonly { readonly file: string; readonly name: string }[];
}

const page = readFileSync(join(root, "docs/conformance.md"), "utf8");
/** Cells of the page's tables, without the padding that the formatter gives them. */
const cells = page.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
const rows: readonly Row[] = cells.flatMap(([, id = "", asks = "", tests = ""]) =>
  /^(OSB-[A-Z]+-\d\d|[RP]\d+)$/.test(id) ? [{ id, asks, tests: readTests(tests) }] : [],
);

function readTests(cell: string): Row["tests"] {
  return cell.split("<br>").map((entry) => {
    const [, file = "", name = ""] = /^(test\/\S+\.test\.ts): (.+)$/.exec(entry) ?? [];
    return { file, name };
  });
}

/** Names of the tests and stories that a file tells. */
function namesIn(file: string): ReadonlySet<string> {
  const text = existsSync(join(root, file)) ? readFileSync(join(root, file), "utf8") : "";
  const told = text.matchAll(/^\s*(?:void )?(?:t\.)?(?:test|story)\(\s*"((?:[^"\\]|\\.)*)"/gm);
  return new Set([...told].map(([, name]) => JSON.parse(`"${name}"`) as string));
}

t.test("every rule, race and platform's habit has one row", async (t) => {
  const seen = rows.map(({ id }) => id);
  t.strictSame(
    ids.filter((id) => !seen.includes(id)),
    [],
    "none is missing",
  );
  t.strictSame(
    seen.filter((id, index) => seen.indexOf(id) !== index),
    [],
    "none is there twice",
  );
});

t.test("every row says what it asks and names tests that exist", async (t) => {
  const known = new Map<string, ReadonlySet<string>>();
  for (const { id, asks, tests } of rows) {
    t.ok(asks.length > 3 && tests.length > 0, id);
    for (const { file, name } of tests) {
      const names = known.get(file) ?? namesIn(file);
      known.set(file, names);
      t.ok(names.has(name), `${id}: ${file}: ${name}`);
    }
  }
});

t.test("every switch of the operator names a test that exists", async (t) => {
  const shown = cells
    .filter(([, name = ""]) => /^`\w+`$/.test(name))
    .map(([, name = "", cell = ""]) => ({ name: name.slice(1, -1), cell }));
  t.strictSame(shown.map(({ name }) => name).sort(), Object.keys(defaultSwitches).sort());
  for (const { name, cell } of shown)
    for (const { file, name: test } of readTests(cell)) t.ok(namesIn(file).has(test), `${name}: ${test}`);
});
