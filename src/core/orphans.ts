/**
 * Holds what Lotse believes against what a provider reports.
 *
 * | finding    | the provider           | Lotse                                                        |
 * | ---------- | ---------------------- | ------------------------------------------------------------ |
 * | `leftover` | has it                 | knows of no living instance or binding behind it             |
 * | `missing`  | surely does not have it | says that it is ready, or bound                              |
 * | `unclear`  |                        | adopted it, and does not know what a failed update changed   |
 *
 * Rows are looked at before and after the provider was asked; what changed between the two, or is under way at one of
 * them, is left out. So whatever races with the look is never a finding. Nothing here removes anything.
 */
import type { Found } from "./adapter.ts";
import type { Binding, Instance, InstanceState } from "./model.ts";

export const findingKinds = ["leftover", "missing", "unclear"] as const;
export type FindingKind = (typeof findingKinds)[number];

/** An instance or binding as a look sees it. */
export interface Believed {
  readonly thing: "instance" | "binding";
  readonly uid: string;
  readonly instanceUid: string;
  readonly provider: string;
  readonly platformId: string;
  readonly instanceId: string;
  readonly bindingId?: string;
  readonly state: InstanceState | Binding["state"];
  readonly version: number;
  /** An operation about it is open. */
  readonly busy: boolean;
  /** Of its instance: no inventory lists it under Lotse's own id. */
  readonly adopted?: NonNullable<Instance["adopted"]>;
  /** Token of an update that failed and may have changed something, where nothing was reverted. */
  readonly uncleanUpdate?: string;
}

/** By uid; deleted ones included for as long as they are on record. */
export type Look = ReadonlyMap<string, Believed>;

export type Sight = "there" | "gone" | "unknown";

export interface Report {
  readonly provider: string;
  readonly before: Look;
  readonly after: Look;
  /** Everything that carries Lotse's marks; absent: the provider cannot list it. */
  readonly found?: readonly Found[];
  /** What looks at single things brought, by uid. */
  readonly seen: ReadonlyMap<string, Sight>;
}

export interface Finding {
  readonly kind: FindingKind;
  readonly thing: "instance" | "binding";
  readonly uid: string;
  /** What a person at the provider looks for. */
  readonly name: string;
  readonly suggestion: string;
  readonly platformId?: string;
  readonly instanceId?: string;
  readonly bindingId?: string;
  readonly operation?: string;
}

export interface Comparison {
  readonly findings: readonly Finding[];
  /** Nothing was learnt about these (`keyOf`): an earlier finding is neither confirmed nor gone. */
  readonly undecided: ReadonlySet<string>;
}

export const keyOf = ({ kind, thing, uid }: Pick<Finding, "kind" | "thing" | "uid">): string =>
  `${kind} ${thing} ${uid}`;

export function compare(report: Report): Comparison {
  const findings: Finding[] = [];
  const undecided = new Set<string>();
  for (const one of report.found ?? []) judgeFound(report, one, findings, undecided);
  const whole = new Map(
    (report.found ?? []).filter(({ remains }) => remains !== true).map((one) => [one.id, one] as const),
  );
  for (const row of report.after.values())
    if (row.provider === report.provider) judgeRow(report, row, whole, findings, undecided);
  return { findings, undecided };
}

function judgeFound(report: Report, one: Found, findings: Finding[], undecided: Set<string>): void {
  const { before, after } = report;
  const row = after.get(one.id);
  const instance = one.instance === undefined ? undefined : one.instance;
  const steady = isSteady(report, one.id) && (instance === undefined || !isBusy(before, after, instance));
  if (!steady) {
    undecided.add(keyOf({ kind: "leftover", thing: one.thing, uid: one.id }));
    return;
  }
  if (row !== undefined && !gone.has(row.state)) return;
  findings.push({
    kind: "leftover",
    thing: one.thing,
    uid: one.id,
    name: one.name,
    suggestion: leftoverText(one, row),
    ...(row !== undefined && placeOf(row)),
    ...(one.operation !== undefined && { operation: one.operation }),
  });
}

function judgeRow(
  report: Report,
  row: Believed,
  whole: ReadonlyMap<string, Found>,
  findings: Finding[],
  undecided: Set<string>,
): void {
  const { thing, uid, instanceUid } = row;
  if (!isSteady(report, uid) || isBusy(report.before, report.after, instanceUid)) {
    undecided.add(keyOf({ kind: "missing", thing, uid })).add(keyOf({ kind: "unclear", thing, uid }));
    return;
  }
  if (row.uncleanUpdate !== undefined)
    findings.push({ ...about(row, "unclear"), operation: row.uncleanUpdate, suggestion: unclearText });
  if (!believed.has(row.state)) return;
  const listed = report.found !== undefined && row.adopted === undefined;
  const isThere = whole.has(uid) || (thing === "binding" && whole.get(instanceUid)?.bindingsWithin === true);
  const sight = listed ? (isThere ? "there" : "gone") : (report.seen.get(uid) ?? "unknown");
  if (sight === "unknown") undecided.add(keyOf({ kind: "missing", thing, uid }));
  if (sight === "gone") findings.push({ ...about(row, "missing"), suggestion: missingText[thing] });
}

const gone: ReadonlySet<Believed["state"]> = new Set(["deleted", "provision-failed", "bind-failed"] as const);
/** Lotse says that it is there, whole. */
const believed: ReadonlySet<Believed["state"]> = new Set(["ready", "bound"] as const);

/** Whether it can be looked at by itself: Lotse says that it is there, and nothing is under way. */
export function isBelieved(row: Believed): boolean {
  return believed.has(row.state) && !row.busy;
}

function isSteady({ before, after }: Report, uid: string): boolean {
  const [first, second] = [before.get(uid), after.get(uid)];
  return first?.version === second?.version && !isBusy(before, after, uid);
}

function isBusy(before: Look, after: Look, uid: string): boolean {
  return before.get(uid)?.busy === true || after.get(uid)?.busy === true;
}

function placeOf({ platformId, instanceId, bindingId }: Believed): Partial<Finding> {
  return { platformId, instanceId, ...(bindingId !== undefined && { bindingId }) };
}

function about(row: Believed, kind: FindingKind): Omit<Finding, "suggestion"> {
  const { thing, uid, instanceId, bindingId } = row;
  const name = bindingId === undefined ? `instance ${instanceId}` : `binding ${bindingId} of instance ${instanceId}`;
  return { kind, thing, uid, name, ...placeOf(row) };
}

function leftoverText({ thing, remains }: Found, row: Believed | undefined): string {
  if (row === undefined)
    return "Lotse has no record of it: it is older than what is kept, or younger than a database that was put back, or another Lotse's. Find out which before anything is removed at the provider.";
  const why =
    row.state === "deleted"
      ? "It was removed, as far as Lotse knows, and is there all the same."
      : "Its order failed and was cleaned up, as far as Lotse knows, and something is there all the same.";
  if (thing === "binding") return `${why} Somebody may still have its credentials. Remove it at the provider.`;
  if (remains === true) return `${why} No data is left of it. Remove the rest at the provider.`;
  return `${why} Ask who ordered it whether its data is still needed; then remove it at the provider.`;
}

const missingText = {
  instance:
    "Lotse says it is ready, and the provider does not have it. Ask the provider what became of it. Either it is restored there under its old name, or the platform deletes the instance and orders a new one.",
  binding:
    "Lotse says it is bound, and the provider does not have it, so its credentials do not work any more. Make a new binding and delete this one.",
} as const;

const unclearText =
  "An update of this adopted instance failed, and nobody knows what it changed. Nothing was reverted, since no operation has succeeded on it yet. Look at it at the provider, then update it again.";
