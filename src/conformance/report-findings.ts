/** The findings as people read them: what was expected, and the requests and answers that prove otherwise. */
import { isJsonObject } from "../core/json.ts";
import type { CheckResult, Evidence, ReportedFinding } from "./report.ts";
import { duration, fold, type Paints, visible } from "./screen.ts";

/** Plans that a check found the same thing on share one entry, with the proof of the first. */
export function found(broken: readonly CheckResult[], paint: Paints, width: number): string[] {
  const entries = new Map<string, CheckResult[]>();
  for (const result of broken) {
    const key = `${result.id}\n${result.findings.map(({ message }) => message).join("\n")}`;
    entries.set(key, [...(entries.get(key) ?? []), result]);
  }
  return [...entries.values()].flatMap((same) => entry(same, paint, width));
}

function entry(same: readonly CheckResult[], paint: Paints, width: number): string[] {
  const [result] = same;
  if (result === undefined) return [];
  const must = result.level === "MUST";
  const colour = must ? paint.red : paint.yellow;
  const plans = same.flatMap(({ plan }) => (plan === undefined ? [] : [plan])).join(", ");
  const source =
    result.link === undefined
      ? "No rule of the specification: what platforms ask for."
      : `${result.section}: ${result.link}`;
  return [
    "",
    `${colour(`${must ? "✗" : "!"} ${result.level}`)}  ${paint.bold(result.id)}${plans === "" ? "" : `  ${paint.dim(plans)}`}`,
    ...fold(result.title, width - 2).map((line) => `  ${line}`),
    `  ${paint.dim(source)}`,
    ...result.findings.flatMap((finding) => findingLines(finding, result, paint, width)),
  ];
}

function findingLines({ message, evidence }: ReportedFinding, result: CheckResult, paint: Paints, width: number) {
  const colour = result.level === "MUST" ? paint.red : paint.yellow;
  const shownBodies = new Set<string>();
  return [
    "",
    ...message
      .split("\n")
      .flatMap((line) => fold(line, width - 2))
      .map((line) => `  ${colour(line)}`),
    ...evidence
      .flatMap((one) =>
        proof(one, result.area === "Headers and access" || result.id.startsWith("auth"), shownBodies, width),
      )
      .map((line) => `    ${paint.dim(line)}`),
  ];
}

/** Headers that say nothing about what went wrong. */
const quiet = new Set(["accept", "x-broker-api-request-identity"]);

/** `access`: who asked, and how, is what this is about. */
function proof(
  { request, answer, trouble, milliseconds }: Evidence,
  access: boolean,
  shownBodies: Set<string>,
  width: number,
): string[] {
  const room = width - 6;
  const headers = Object.entries(request.headers).filter(([name, value]) => {
    if (quiet.has(name) || (name === "x-broker-api-version" && value === "2.17")) return false;
    if (name === "content-type") return value !== "application/json";
    return access || (name !== "authorization" && name !== "x-broker-api-originating-identity");
  });
  const names = Object.keys(request.headers).map((name) => name.toLowerCase());
  const left = ["authorization", "x-broker-api-version"].filter((name) => access && !names.includes(name));
  const asked = [
    // In one piece, to be copied.
    `→ ${request.method} ${visible(request.path)}`,
    ...headers.map(([name, value]) => `  ${name}: ${visible(value)}`),
    ...left.map((name) => `  (no ${name})`),
    ...bodyLines(request.body, room, shownBodies),
  ];
  if (answer === undefined) return [...asked, `← no answer: ${trouble}`];
  // A whole catalog is no proof that anybody reads; the sentence above names the place.
  const whole = request.path === "/v2/catalog" && answer.status === 200;
  return [
    ...asked,
    `← ${answer.status}  (${duration(milliseconds)})`,
    ...(whole ? [] : bodyLines(answer.body, room, new Set())),
  ];
}

const mostLines = 12;

/** A line for each member of a JSON object; a body that was shown before is not shown again. */
function bodyLines(body: string | undefined, room: number, shown: Set<string>): string[] {
  if (body === undefined || body === "") return [];
  if (shown.has(body)) return ["  (the same body)"];
  shown.add(body);
  const members = membersOf(body);
  const lines = body.length <= room - 2 || members === undefined ? fold(body, room - 2) : members;
  const kept = lines.length > mostLines ? [...lines.slice(0, mostLines), "… (more in the JSON report)"] : lines;
  return kept.map((line) => `  ${line.length > room - 2 ? `${line.slice(0, room - 3)}…` : line}`);
}

function membersOf(body: string): string[] | undefined {
  try {
    const value: unknown = JSON.parse(body);
    if (!isJsonObject(value)) return undefined;
    const members = Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}: ${JSON.stringify(inner)}`);
    return members.map((member, at) =>
      visible(`${at === 0 ? "{ " : "  "}${member}${at === members.length - 1 ? " }" : ","}`),
    );
  } catch {
    return undefined;
  }
}
