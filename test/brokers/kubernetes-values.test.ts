/** What the Kubernetes adapter makes of texts, without a cluster: gaps in templates, and amounts. */
import t from "tap";
import { decimal } from "../../brokers/kubernetes/quantity.ts";
import { fill, MissingParameter, PlanMistake } from "../../brokers/kubernetes/template.ts";

const roots = {
  name: "lotse-1",
  parameters: { size: 3, on: false, text: "a {{ name }} b", none: null, list: ["x"], "a|uri": "y" },
  secret: (rest: string) => (rest === "ca.crt" ? "PEM" : undefined),
};

t.test("a text that is one gap takes the value's type, any other text stays a text", async (t) => {
  const filled = fill(
    { n: "{{ parameters.size }}", b: "{{parameters.on}}", s: "{{ parameters.size }}Gi", "{{ name }}": [1, null] },
    roots,
  );
  t.same(filled, { n: 3, b: false, s: "3Gi", "{{ name }}": [1, null] }, "keys, lists and numbers are left alone");
});

t.test("what fills a gap is not read again", async (t) => {
  t.equal(fill("{{ parameters.text }}", roots), "a {{ name }} b");
  t.equal(fill("<{{ parameters.text }}{{ name }}>", roots), "<a {{ name }} blotse-1>");
  t.equal(fill("{{ parameters.text | uri }}", roots), "a%20%7B%7B%20name%20%7D%7D%20b");
  t.equal(fill("{{ secret.ca.crt }}", roots), "PEM", "a key of a Secret may have dots");
});

function thrownBy(gap: string): unknown {
  try {
    return fill(gap, roots);
  } catch (error) {
    return error;
  }
}

t.test("what is missing is the customer's, what is written wrongly is the plan's", async (t) => {
  for (const path of ["parameters.other", "parameters.none", "parameters.constructor", "parameters.size.toFixed"])
    t.ok(thrownBy(`{{ ${path} }}`) instanceof MissingParameter, path);
  for (const gap of [
    "{{ nothing }}",
    "{{ __proto__ }}",
    "{{ parameters.list }}",
    "{{ name | upper }}",
    "{{ name | uri | uri }}",
    "a {{ name",
  ])
    t.ok(thrownBy(gap) instanceof PlanMistake, gap);
});

t.test("amounts are counted without rounding up", async (t) => {
  const amounts: readonly (readonly [string, number, string | undefined])[] = [
    ["250m", 1, "0.25"],
    ["2", 1, "2"],
    ["1.5Gi", 1_000_000_000, "1.610612736"],
    ["30Gi", 1_000_000_000, "32.21225472"],
    ["1e3", 1, "1000"],
    ["100E-2", 1, "1"],
    ["7n", 1, "0.000000007"],
    ["2", 3, "0.666666666"],
    ["-1", 1, "-1"],
    ["8Ei", 1, "9223372036854775808"],
    ["many", 1, undefined],
    ["", 1, undefined],
    ["1Zi", 1, undefined],
  ];
  for (const [text, per, wanted] of amounts) t.equal(decimal(text, per), wanted, text);
});
