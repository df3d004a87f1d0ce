/** The report for people: what was found first, with its proof, then everything else in a line each. */
import type { CheckResult, Report } from "./report.ts";
import { found } from "./report-findings.ts";
import { duration, fold, type Paint, type Paints, paints } from "./screen.ts";

export interface Look {
  /** ANSI colours. */
  readonly colours: boolean;
  /** Columns; lines are folded there. */
  readonly width: number;
}

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
    ...claims(report, paint, width),
    ...(report.tales.length === 0 ? [] : ["", ...heading("What it did", paint), ...tales(report, paint)]),
    "",
    ...heading("What was checked", paint),
    ...overview(report, paint, width),
    ...(ordered.length === 0 ? [] : ["", ...heading("What was found", paint), ...found(ordered, paint, width)]),
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

/** What all plans of an offering claim stands beside it; beside a plan stands what it claims more. */
function claims({ claims: { plans } }: Report, paint: Paints, width: number): string[] {
  if (plans.length === 0) return [paint.dim("  no plans")];
  const shown = plans.length > longestCatalog ? plans.filter(({ tested }) => tested) : plans;
  const services = [...new Set(shown.map(({ service }) => service))];
  const lines = services.flatMap((service) => {
    const own = shown.filter((plan) => plan.service === service);
    const shared = own[0]?.claims.filter((claim) => own.every((plan) => plan.claims.includes(claim))) ?? [];
    const longest = Math.max(...own.map(({ plan }) => plan.length));
    return [
      `  ${service}`,
      ...fold(words(shared, "nothing optional"), width - 4).map((line) => `    ${paint.dim(line)}`),
      ...own.map(({ plan, tested, claims: all }) => {
        const more = all.filter((claim) => !shared.includes(claim));
        const name = tested ? `  ${paint.green("▸")} ${paint.bold(plan)}` : `    ${plan}`;
        return `${name}${" ".repeat(longest - plan.length + 2)}${paint.dim(words(more, ""))}`.trimEnd();
      }),
    ];
  });
  const hidden = plans.length - shown.length;
  return hidden === 0 ? lines : [...lines, paint.dim(`  and ${hidden} plans that nothing was ordered on`)];
}

const longestCatalog = 20;
const words = (claims: readonly string[], none: string): string =>
  claims.length === 0 ? none : claims.map((claim) => claim.replaceAll("_", " ")).join(", ");

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
  if (leftovers.length > 0)
    return `The broker does not conform: ${plural(counts.mustBroken, "MUST", "MUSTs")} broken, and what was made could not all be removed.`;
  if (verdict === "not conforming") return "The broker does not conform to the Open Service Broker API 2.17.";
  if (readOnly)
    return "What can be seen by reading conforms. Without --read-only, and with --plan, the life cycle is checked.";
  if (counts.shouldBroken > 0) return "The broker keeps every MUST that was checked, but not every SHOULD.";
  return "The broker conforms: it keeps every MUST and SHOULD that was checked.";
}

const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
