/** The report for people: what was found first, with its proof, then everything else in a line each. */
import type { CheckResult, Evidence, Report } from "./report.ts";

export interface Look {
  /** ANSI colours. */
  readonly colours: boolean;
  /** Columns; lines are folded there. */
  readonly width: number;
}

type Paint = (text: string) => string;
type Paints = ReturnType<typeof paints>;

export function writeText(report: Report, look: Look): string {
  const paint = paints(look.colours);
  const width = Math.max(60, Math.min(look.width, 120));
  const rule = paint.dim("─".repeat(width));
  const broken = report.results.filter(({ outcome }) => outcome === "broken");
  const ordered = [...broken.filter(isMust), ...broken.filter((result) => !isMust(result))];
  return [
    "",
    `${paint.bold("OSB conformance")}  Open Service Broker API ${report.specification}`,
    `${report.url}   ${paint.dim(`authentication: ${report.claims.authentication}`)}`,
    paint.dim(
      `${report.startedAt.slice(0, 16).replace("T", " ")} UTC · ${report.requests} requests in ${duration(report.milliseconds)}${report.readOnly ? " · read-only: nothing but GET was sent" : ""}`,
    ),
    "",
    ...heading("What it claims", paint),
    ...claims(report, paint),
    ...(report.tales.length === 0 ? [] : ["", ...heading("What it did", paint), ...tales(report, paint)]),
    "",
    ...heading("What was checked", paint),
    ...overview(report, paint, width),
    ...(ordered.length === 0
      ? []
      : ["", ...heading("What was found", paint), ...ordered.flatMap((result) => found(result, paint, width))]),
    ...leftBehind(report, paint),
    "",
    rule,
    ...verdict(report, paint, width),
    "",
  ].join("\n");
}

const isMust = ({ level }: CheckResult): boolean => level === "MUST";

function heading(text: string, paint: Paints): string[] {
  return [paint.bold(text)];
}

function claims({ claims: { plans } }: Report, paint: Paints): string[] {
  const lines: string[] = [];
  const shown = plans.length > 20 ? plans.filter(({ tested }) => tested) : plans;
  let service = "";
  const longest = Math.max(0, ...shown.map(({ plan }) => plan.length));
  for (const plan of shown) {
    if (plan.service !== service) lines.push(`  ${plan.service}`);
    service = plan.service;
    const words = plan.claims.map((claim) => claim.replaceAll("_", " ")).join(", ");
    const mark = plan.tested ? paint.green("▸") : " ";
    lines.push(`  ${mark} ${plan.plan.padEnd(longest)}  ${paint.dim(words === "" ? "nothing optional" : words)}`);
  }
  if (shown.length < plans.length)
    lines.push(paint.dim(`  and ${plans.length - shown.length} plans that were not asked for`));
  if (plans.length === 0) lines.push(paint.dim("  no plans"));
  return lines;
}

function tales({ tales }: Report, paint: Paints): string[] {
  return tales.flatMap(({ plan, steps }) => {
    const what = Math.max(...steps.map((step) => step.what.length), 0);
    const came = Math.max(...steps.map((step) => step.came.length), 0);
    return [
      `  ${plan}`,
      ...steps.map(
        (step) =>
          `    ${step.what.padEnd(what)}  ${step.came.padEnd(came)}  ${paint.dim(duration(step.milliseconds).padStart(8))}`,
      ),
    ];
  });
}

/** A line for each area, and below it only what was not kept: the rest is as it should be. */
function overview({ results }: Report, paint: Paints, width: number): string[] {
  const areas = [...new Set(results.map(({ area }) => area))];
  const longest = Math.max(...areas.map((area) => area.length));
  return areas.flatMap((area) => {
    const own = results.filter((result) => result.area === area);
    const count = (outcome: CheckResult["outcome"]) => own.filter((result) => result.outcome === outcome).length;
    const broken = own.filter(({ outcome }) => outcome === "broken");
    const sign = signOf(broken, paint);
    const others = [
      ...(broken.length > 0 ? [`${broken.length} broken`] : []),
      ...(count("not claimed") > 0 ? [`${count("not claimed")} not claimed`] : []),
      ...(count("not reached") > 0 ? [`${count("not reached")} not reached`] : []),
    ].join(", ");
    return [
      `  ${sign} ${area.padEnd(longest)}  ${String(count("kept")).padStart(3)} kept${others === "" ? "" : `, ${others}`}`,
      ...broken.flatMap((result) =>
        hangingLines(`${result.level} ${result.id}${inPlan(result)}`, longest, width).map(
          isMust(result) ? paint.red : paint.yellow,
        ),
      ),
      ...notReached(own).flatMap((line) => hangingLines(line, longest, width).map(paint.yellow)),
    ];
  });
}

/** Why checks could not be made, a line for each reason. What is not claimed is as it should be, and not told here. */
function notReached(results: readonly CheckResult[]): string[] {
  const byReason = new Map<string, number>();
  for (const result of results)
    if (result.outcome === "not reached") {
      const reason = `not reached${inPlan(result)}: ${result.reason}`;
      byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
    }
  return [...byReason].map(([reason, times]) => (times === 1 ? reason : `${reason} (${times} checks)`));
}

const inPlan = ({ plan }: CheckResult): string => (plan === undefined ? "" : ` on ${plan.split(" / ").at(-1)}`);

function hangingLines(text: string, indent: number, width: number): string[] {
  const margin = " ".repeat(indent + 8);
  return fold(text, width - margin.length).map((line) => `${margin}${line}`);
}

function signOf(broken: readonly CheckResult[], paint: Paints): string {
  if (broken.length === 0) return paint.green("✓");
  return broken.some(isMust) ? paint.red("✗") : paint.yellow("!");
}

function found(result: CheckResult, paint: Paints, width: number): string[] {
  const colour = isMust(result) ? paint.red : paint.yellow;
  const sign = isMust(result) ? "✗" : "!";
  return [
    "",
    `${colour(`${sign} ${result.level}`)}  ${paint.bold(result.id)}${result.plan === undefined ? "" : `  ${paint.dim(result.plan)}`}`,
    ...fold(result.title, width - 2).map((line) => `  ${line}`),
    `  ${paint.dim(result.link === undefined ? "what platforms ask for; the specification is silent" : `${result.section}: ${result.link}`)}`,
    ...result.findings.flatMap((finding) => [
      "",
      ...finding.message
        .split("\n")
        .flatMap((line) => fold(line, width - 2))
        .map((line) => `  ${colour(line)}`),
      // A catalog is too long to be a proof that anybody reads.
      ...finding.evidence
        .filter(({ request }) => request.path !== "/v2/catalog" || isOdd(request))
        .flatMap((evidence) => proof(evidence, paint, width)),
    ]),
  ];
}

const isOdd = ({ headers }: Evidence["request"]): boolean =>
  headers["x-broker-api-version"] !== "2.17" ||
  headers.authorization === undefined ||
  headers["if-none-match"] !== undefined ||
  headers["x-broker-api-originating-identity"] !== undefined;

const quiet = new Set(["accept", "x-broker-api-request-identity", "content-type", "x-broker-api-originating-identity"]);

function proof({ request, answer, trouble, milliseconds }: Evidence, paint: Paints, width: number): string[] {
  const room = width - 6;
  const headers = Object.entries(request.headers).filter(([name]) => !quiet.has(name));
  const usual = (name: string, value: string) =>
    (name === "x-broker-api-version" && value === "2.17") || name === "authorization";
  const shown = headers.filter(([name, value]) => !usual(name, value));
  const without = ["x-broker-api-version", "authorization"].filter((name) => request.headers[name] === undefined);
  const lines = [
    ...hang(`${request.method} ${request.path}`, room, "→"),
    ...shown.map(([name, value]) => `    ${name}: ${value}`),
    ...without.filter((name) => name !== "authorization" || isStranger(request)).map((name) => `    (without ${name})`),
    ...(request.body === undefined ? [] : hang(request.body, room, " ")),
    ...(answer === undefined
      ? [`  ← no answer: ${trouble}`]
      : [
          `  ← ${answer.status}  (${duration(milliseconds)})`,
          ...(answer.body === "" ? [] : hang(answer.body, room, " ")),
        ]),
  ];
  return lines.map((line) => `  ${paint.dim(line)}`);
}

/** Whether it stands out that nobody logged in. */
const isStranger = ({ headers }: Evidence["request"]): boolean => headers.authorization === undefined;

const longestProof = 6;

function hang(text: string, width: number, sign: string): string[] {
  const lines = fold(text, width);
  const kept =
    lines.length > longestProof ? [...lines.slice(0, longestProof), "… (all of it in the JSON report)"] : lines;
  return kept.map((line, at) => `  ${at === 0 ? sign : " "} ${line}`);
}

function leftBehind({ leftovers }: Report, paint: Paints): string[] {
  if (leftovers.length === 0) return [];
  return [
    "",
    paint.red(paint.bold("LEFT BEHIND: these may still exist, and cost money. Remove them by hand.")),
    ...leftovers.flatMap(({ kind, path, serviceId, planId, why }) => [
      `  ${kind}: ${why}`,
      `    DELETE ${path}?accepts_incomplete=true&service_id=${serviceId}&plan_id=${planId}`,
    ]),
  ];
}

function verdict(report: Report, paint: Paints, width: number): string[] {
  const { kept, mustBroken, shouldBroken, notClaimed, notReached } = report.counts;
  const counts = [
    paint.green(`${kept} kept`),
    mustBroken > 0 ? paint.red(`${mustBroken} MUST broken`) : "0 MUST broken",
    shouldBroken > 0 ? paint.yellow(`${shouldBroken} SHOULD broken`) : "0 SHOULD broken",
    paint.dim(`${notClaimed} not claimed`),
    paint.dim(`${notReached} not reached`),
  ].join(" · ");
  const { instances, bindings } = report.made;
  const made =
    instances + bindings === 0
      ? "Nothing was ordered."
      : `${plural(instances, "instance")} and ${plural(bindings, "binding")} were made${report.leftovers.length === 0 ? ", and all were removed." : `; ${report.leftovers.length} could not be removed.`}`;
  return [counts, made, "", ...fold(judgement(report), width).map((line) => paint.bold(toneOf(report, paint)(line)))];
}

function toneOf({ verdict, counts }: Report, paint: Paints): Paint {
  if (verdict === "not conforming") return paint.red;
  return verdict === "interrupted" || counts.shouldBroken > 0 ? paint.yellow : paint.green;
}

function judgement({ verdict, counts, readOnly, leftovers }: Report): string {
  if (verdict === "interrupted") return "The checks were interrupted; this says nothing about the broker.";
  if (leftovers.length > 0) return "The broker does not conform: what it made could not be removed.";
  if (verdict === "not conforming") return "The broker does not conform to the Open Service Broker API 2.17.";
  if (readOnly)
    return "What can be seen by reading conforms. Without --read-only, and with --plan, the life cycle is checked.";
  if (counts.shouldBroken > 0) return "The broker keeps every MUST that was checked, but not every SHOULD.";
  return "The broker conforms: it keeps every MUST and SHOULD that was checked.";
}

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Lines of at most so many characters, broken between words where there are any. Controls are made visible. */
function fold(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "·");
  while (rest.length > width) {
    const space = rest.lastIndexOf(" ", width);
    const at = space > width / 2 ? space : width;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at).trimStart();
  }
  return [...lines, rest];
}

const plain: Paint = (text) => text;

function paints(colours: boolean) {
  const painted = (code: number, end: number): Paint =>
    colours ? (text) => `\u001b[${code}m${text}\u001b[${end}m` : plain;
  return {
    bold: painted(1, 22),
    dim: painted(2, 22),
    red: painted(31, 39),
    green: painted(32, 39),
    yellow: painted(33, 39),
  };
}
