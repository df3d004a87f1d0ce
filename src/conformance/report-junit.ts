/** The report as continuous integration reads it: a test case for each check, a suite for each plan. */
import type { CheckResult, Evidence, Report } from "./report.ts";

/** A broken SHOULD passes, with its finding as output: warnings do not stop a build. */
export function writeJunit(report: Report): string {
  const suites = new Map<string, CheckResult[]>();
  for (const result of report.results) {
    const name = result.plan ?? "broker";
    suites.set(name, [...(suites.get(name) ?? []), result]);
  }
  const failures = (results: readonly CheckResult[]) => results.filter(isFailure).length;
  const skipped = (results: readonly CheckResult[]) => results.filter(isSkipped).length;
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="OSB 2.17 conformance" tests="${report.results.length}" failures="${failures(report.results)}" time="${seconds(report.milliseconds)}">`,
    ...[...suites].flatMap(([name, results]) => [
      `  <testsuite name="${xml(name)}" tests="${results.length}" failures="${failures(results)}" skipped="${skipped(results)}" errors="0" time="${seconds(sum(results))}" timestamp="${report.startedAt.slice(0, 19)}">`,
      ...results.flatMap((result) => testCase(name, result)),
      "  </testsuite>",
    ]),
    "</testsuites>",
  ];
  return `${lines.join("\n")}\n`;
}

const isFailure = ({ outcome, level }: CheckResult): boolean => outcome === "broken" && level === "MUST";
const isSkipped = ({ outcome }: CheckResult): boolean => outcome === "not claimed" || outcome === "not reached";

function testCase(suite: string, result: CheckResult): string[] {
  const { id, title, level, section, milliseconds } = result;
  const opening = `    <testcase classname="${xml(suite)}" name="${xml(`${id}: ${title}`)}" time="${seconds(milliseconds)}"`;
  const where = `${level}, ${section}${result.link === undefined ? "" : `: ${result.link}`}`;
  if (isSkipped(result))
    return [
      `${opening}>`,
      `      <skipped message="${xml(`${result.outcome}: ${result.reason ?? ""}`)}"/>`,
      "    </testcase>",
    ];
  if (result.outcome === "kept") return [`${opening}/>`];
  const message = result.findings.map((finding) => finding.message).join(" ");
  const proof = [where, ...result.findings.flatMap((finding) => [finding.message, ...finding.evidence.map(proofOf)])];
  const body = xml(proof.join("\n"));
  return isFailure(result)
    ? [`${opening}>`, `      <failure type="${level}" message="${xml(message)}">${body}</failure>`, "    </testcase>"]
    : [`${opening}>`, `      <system-out>${body}</system-out>`, "    </testcase>"];
}

function proofOf({ request, answer, trouble }: Evidence): string {
  const asked = `> ${request.method} ${request.path}${request.body === undefined ? "" : `\n> ${request.body}`}`;
  const came = answer === undefined ? `< no answer: ${trouble}` : `< ${answer.status}\n< ${answer.body}`;
  return `${asked}\n${came}`;
}

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(3);
const sum = (results: readonly CheckResult[]): number =>
  results.reduce((total, { milliseconds }) => total + milliseconds, 0);

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Characters that XML does not know are left out: an answer may hold any. */
function xml(text: string): string {
  const known = text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD");
  return known.replace(/[&<>"]/g, (character) => entities[character] ?? "");
}
