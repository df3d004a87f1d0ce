/** Request bodies: what is read, and what is refused because two readers could understand it differently. */
import { test } from "tap";
import { isJsonObject } from "../../src/core/json.ts";
import { maximumDepth, readJsonObject } from "../../src/http/read-json.ts";

const read = (text: string) => readJsonObject(Buffer.from(text));
const nested = (depth: number) => `${'{"a":'.repeat(depth - 1)}{}${"}".repeat(depth - 1)}`;

test("a JSON object arrives as it was sent", (t) => {
  const texts = [
    "{}",
    ' \t\r\n{ "a" : [ ] , "b" : { } } \n',
    '{"a":[1,-2,0,-0.5,1e3,1E-3,1.25e+2],"b":[true,false,null]}',
    '{"ü":"grüße 🎉","escaped":"\\u00fc \\ud83c\\udf89 \\" \\\\ \\/ \\b\\f\\n\\r\\t","":""}',
    '{"same":{"key":1},"elsewhere":{"key":2},"list":[{"key":3},{"key":4}]}',
    '{"constructor":1,"toString":2,"hasOwnProperty":3,"prototype":4}',
    '{"largest":9007199254740991,"exact":1000000000000000000,"pi":3.14159265358979323846,"tiny":5e-324,"zero":0e-999}',
    nested(maximumDepth),
  ];
  for (const text of texts) t.strictSame(read(text), { value: JSON.parse(text) }, text.slice(0, 60));
  t.end();
});

test("a body that could be misunderstood is refused, and the sentence says what is wrong and where", (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ["", "The JSON text is empty; an object is expected."],
    ["\ufeff{}", "The JSON text begins with a byte order mark; send it without."],
    ["[]", "The JSON text is not an object at line 1, column 1."],
    [' "text"', "The JSON text is not an object at line 1, column 2."],
    ["  ", "The JSON text ends too early at line 1, column 3."],
    ['{"a":1', "The JSON text ends too early at line 1, column 7."],
    ['{"a":"b', "The JSON text ends too early at line 1, column 8."],
    ['{"a":"\\', "The JSON text ends too early at line 1, column 8."],
    ['{"a":1} {}', "The JSON text goes on after its end at line 1, column 9."],
    ['{"a":1,}', "A key in double quotes is expected at line 1, column 8."],
    ["{'a':1}", "A key in double quotes is expected at line 1, column 2."],
    ['{"a" 1}', "A colon is expected at line 1, column 6."],
    ['{"a":nul}', "A JSON value is expected at line 1, column 6."],
    ['{"a":NaN}', "A JSON value is expected at line 1, column 6."],
    ['{"a":[1,]}', "A JSON value is expected at line 1, column 9."],
    ['{"a":1 "b":2}', "A comma or a closing brace is expected at line 1, column 8."],
    ['{"a":[1 2]}', "A comma or a closing bracket is expected at line 1, column 9."],
    ['{"a":01}', "A number is written in a form JSON does not know at line 1, column 7."],
    ['{"a":-}', "A number is written in a form JSON does not know at line 1, column 6."],
    ['{"a":"line\nbreak"}', "A control character stands unescaped in a string at line 1, column 11."],
    ['{"a":"\\x41"}', "A string holds an escape JSON does not know at line 1, column 8."],
    ['{"a":"\\u00g0"}', "A string holds an escape JSON does not know at line 1, column 8."],
    ['{"a":"x\\u0000"}', "A string holds the character U+0000, which cannot be kept, at line 1, column 8."],
    ['{"\\u0000":1}', "A string holds the character U+0000, which cannot be kept, at line 1, column 3."],
    ['{"a":"\\ud83c"}', "A string holds half of a surrogate pair at line 1, column 7."],
    ['{"a":"\\ud83c\\u0041"}', "A string holds half of a surrogate pair at line 1, column 7."],
    ['{"a":"\\ud83c\\ud83c\\udf89"}', "A string holds half of a surrogate pair at line 1, column 7."],
    ['{"a":"\\udf89"}', "A string holds half of a surrogate pair at line 1, column 7."],
    [
      '{"a":1e999}',
      "A number is too large or too fine to be read without change (send it as a string) at line 1, column 6.",
    ],
    [
      '{"a":-1e-999}',
      "A number is too large or too fine to be read without change (send it as a string) at line 1, column 6.",
    ],
    [
      '{\n  "id": 9007199254740993\n}',
      "A number is too large or too fine to be read without change (send it as a string) at line 2, column 9.",
    ],
    ['{"a":1,"a":1}', "A key is given twice in the same object at line 1, column 8."],
    ['{"b":[{"a":1,\n"\\u0061":2}]}', "A key is given twice in the same object at line 2, column 1."],
    ['{"b":{"__proto__":{"admin":true}}}', "The key __proto__ is not allowed at line 1, column 7."],
    ['{"\\u005f_proto__":1}', "The key __proto__ is not allowed at line 1, column 2."],
    [nested(maximumDepth + 1), "Objects and arrays are nested deeper than 32 levels at line 1, column 161."],
  ];
  for (const [text, problem] of cases) t.strictSame(read(text), { problem }, JSON.stringify(text.slice(0, 40)));
  t.end();
});

test("bytes that are not UTF-8 are refused", (t) => {
  const problem = "The JSON text is not UTF-8.";
  t.strictSame(readJsonObject(Buffer.from('{"a":"ü"}', "latin1")), { problem }, "Latin-1");
  t.strictSame(
    readJsonObject(Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d])),
    { problem },
    "CESU",
  );
  t.match(readJsonObject(Buffer.from('{"a":1}', "utf16le")), { problem: /expected at line 1, column 2/ }, "UTF-16");
  t.end();
});

test("a sentence about a broken body repeats nothing of the body", (t) => {
  for (const text of [
    '{"password": hunter2}',
    '{"password":"hunter2\n"}',
    '{"hunter2":1,"hunter2":2}',
    '{"a":"hunter2"',
  ]) {
    const result = read(text);
    t.ok("problem" in result && !result.problem.includes("hunter2"), text);
  }
  t.end();
});

test("a body built to exhaust the reader is refused like any other", (t) => {
  t.match(read('{"a":'.repeat(100_000)), { problem: /nested deeper/ });
  t.match(read(`{"a":${"[".repeat(100_000)}`), { problem: /nested deeper/ });
  t.match(read(`{"a":${"9".repeat(100_000)}}`), { problem: /too large/ });
  t.end();
});

test("reading an object whose key is called problem is no problem", (t) => {
  t.strictSame(read('{"problem":"none"}'), { value: { problem: "none" } });
  t.end();
});

/** Numbers in [0, 1), the same on every run (a linear congruential generator, constants of Numerical Recipes). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

test("texts made at random are read just as JSON.parse reads them, or refused for a reason JSON.parse is silent about", (t) => {
  const random = seeded(20_25);
  const pick = (from: readonly string[]) => from[Math.floor(random() * from.length)] ?? "";
  const space = () => pick(["", "", "", " ", "\n", "\t"]);
  const text = () =>
    pick(['"a"', '"b"', '"\\n"', '"\\u0061"', '"ü"', '"🎉"', '""', '"\\""', '"\\\\"', '"\\ud83c\\udf89"']);
  const scalar = () => pick(["1", "-0", "0.5", "1e5", "12E-2", "true", "false", "null", text(), text()]);
  const list = (make: () => string) => Array.from({ length: Math.floor(random() * 4) }, make).join(",");
  const value = (depth: number): string => {
    if (depth > 4 || random() < 0.4) return `${space()}${scalar()}${space()}`;
    if (random() < 0.4) return `[${space()}${list(() => value(depth + 1))}]`;
    return object(depth);
  };
  const object = (depth: number): string =>
    `{${space()}${list(() => `${space()}${text()}${space()}:${value(depth + 1)}`)}}`;
  const damage = (whole: string): string => {
    const at = Math.floor(random() * whole.length);
    const added = pick(["", '"', "{", "}", "[", "]", ",", ":", "\\", "0", ".", "e", "-", "\u0001", "u", "t", " "]);
    return whole.slice(0, at) + added + whole.slice(at + Math.floor(random() * 2));
  };

  const seen = { read: 0, broken: 0, stricter: 0 };
  const wrong: string[] = [];
  for (let round = 0; round < 6000; round++) {
    // Damage can split a pair of surrogates, which does not survive the way through bytes.
    const source = Buffer.from(round % 2 === 0 ? object(0) : damage(object(0))).toString();
    const expected = parsed(source);
    const result = read(source);
    if ("value" in result) {
      seen.read++;
      if (JSON.stringify(result.value) !== JSON.stringify(expected)) wrong.push(`read: ${source}`);
    } else if (isJsonObject(expected)) {
      seen.stricter++;
      if (!/twice|surrogate|too large/.test(result.problem)) wrong.push(`refused: ${source} (${result.problem})`);
    } else {
      seen.broken++;
    }
  }
  t.strictSame(wrong, []);
  t.ok(seen.read > 1000 && seen.broken > 1000 && seen.stricter > 100, JSON.stringify(seen));
  t.end();
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
