/** Checks a broker: the catalog first, then everything that the checks look at, and at the end it removes what it made. */
import { randomUUID } from "node:crypto";
import {
  type Catalog,
  type Claim,
  choosePlans,
  claimsOf,
  listPlans,
  type PlanUnderTest,
  readCatalog,
} from "./catalog.ts";
import {
  type BrokerContext,
  type Check,
  type Finding,
  NotClaimed,
  NotReached,
  type PlanContext,
  sections,
} from "./check.ts";
import { textsIn } from "./checks/answers.ts";
import { areaOf, checks } from "./checks/index.ts";
import { cleanUp } from "./clean-up.ts";
import { type Client, createClient, type Exchange, interrupted, queryOf } from "./client.ts";
import { createLedger, type Ledger, type Leftover } from "./ledger.ts";
import { createMask, type Mask } from "./mask.ts";
import type { CheckResult, Evidence, Outcome, PlanTale, Report } from "./report.ts";
import { canary } from "./stories/refusals.ts";
import { tellTale } from "./tale.ts";
import { BrokerUnreachable, type Options, type Target, WrongUsage } from "./target.ts";

interface Judged {
  readonly check: Check;
  readonly plan?: PlanUnderTest;
  readonly outcome: Outcome;
  readonly reason?: string;
  readonly findings: readonly Finding[];
  readonly ms: number;
}

/** The one check that can be made without a catalog. */
const readability = "catalog-answer";

const never = new AbortController().signal;

/** Throws `WrongUsage` or `BrokerUnreachable` before anything was made; else there is always a report. */
export async function runConformance(target: Target, options: Options = {}): Promise<Report> {
  const wanted = chooseChecks(options.only);
  const startedAt = new Date();
  const { signal = never, giveUp = never, progress = () => {} } = options;
  const pace = {
    operationTimeoutMs: options.operationTimeoutMs ?? 600_000,
    longestPauseMs: options.longestPauseMs ?? 10_000,
  };
  const ledger = createLedger();
  const client = createClient({
    target,
    ledger,
    requestTimeoutMs: options.requestTimeoutMs ?? 60_000,
    newId: randomUUID,
    signal,
    giveUp,
  });
  try {
    progress("fetching the catalog");
    const catalog = await fetchCatalog(client, target);
    const plans = options.readOnly === true || !catalog.readable ? [] : choosePlans(catalog, target);
    if (catalog.readable && options.readOnly !== true && plans.length === 0)
      throw new WrongUsage(`Name the plans to order on with --plan, or use --read-only.\n${listPlans(catalog)}`);
    const judged: Judged[] = [];
    const tales: PlanTale[] = [];
    let leftovers: readonly Leftover[] = [];
    const broker: BrokerContext = { target, client, newId: randomUUID, catalog, story: storyTeller(() => broker) };
    try {
      await checkBroker(wanted, broker, { signal, progress }, judged);
      for (const plan of plans) {
        const story = storyTeller(() => context);
        const context: PlanContext = { ...broker, plan, ledger, pace, signal, story };
        ledger.turnTo({ serviceId: plan.serviceId, planId: plan.id });
        await checkPlan(wanted, context, progress, judged);
        if (!signal.aborted) tales.push(await tellTale(context, wanted));
      }
    } finally {
      leftovers = await cleanUp({ client, ledger, pace, giveUp, progress });
    }
    const answers = { exchanges: client.exchanges, canaries: canariesOf(target, catalog), leftovers };
    for (const check of wanted)
      if (check.about === "answers") judged.push(await judge(check, new Set(), async () => check.run(answers)));
    return write({ target, options, client, ledger, catalog, plans, judged, tales, leftovers, startedAt });
  } finally {
    await client.close();
  }
}

async function fetchCatalog(client: Client, { url }: Target): Promise<Catalog> {
  const exchange = await client.ask({ method: "GET", path: "/v2/catalog" });
  if (exchange.answer === undefined && exchange.trouble !== interrupted)
    throw new BrokerUnreachable(`The broker at ${url} could not be reached: ${exchange.trouble}.`);
  return readCatalog(exchange);
}

interface Steering {
  readonly signal: AbortSignal;
  readonly progress: (what: string) => void;
}

async function checkBroker(
  wanted: readonly Check[],
  context: BrokerContext,
  { signal, progress }: Steering,
  judged: Judged[],
): Promise<void> {
  const { readable } = context.catalog;
  const claims = readable ? brokerClaims(context) : undefined;
  for (const check of wanted) {
    if (signal.aborted) return;
    if (check.about !== "broker") continue;
    progress(check.title);
    const run = async () => {
      if (!readable && check.id !== readability) throw new NotReached("the catalog could not be read");
      return check.run(context);
    };
    judged.push(unlessInterrupted(await judge(check, claims, run), signal));
  }
}

async function checkPlan(
  wanted: readonly Check[],
  context: PlanContext,
  progress: (what: string) => void,
  judged: Judged[],
): Promise<void> {
  const { plan, target, signal } = context;
  const claims = new Set(plan.claims);
  if (target.credentials !== undefined) claims.add("authentication");
  for (const check of wanted) {
    if (signal.aborted) return;
    if (check.about !== "plan") continue;
    progress(`${plan.name}: ${check.title}`);
    const seen = await judge(check, claims, () => check.run(context));
    judged.push({ ...unlessInterrupted(seen, signal), plan });
  }
}

/** Texts sent as parameters, unless the catalog has them for everybody to read. */
function canariesOf({ parameters, bindParameters }: Target, { exchange }: Catalog): readonly string[] {
  const known = exchange.answer?.text ?? "";
  const given = [parameters, bindParameters].flatMap((value) => textsIn(value, 8));
  return [canary, ...given.filter((text) => !known.includes(text))];
}

function chooseChecks(only: readonly string[] | undefined): readonly Check[] {
  if (only === undefined || only.length === 0) return checks;
  const unknown = only.filter((id) => !checks.some((check) => check.id === id));
  if (unknown.length > 0) throw new WrongUsage(`There is no check ${unknown.map((id) => `"${id}"`).join(", ")}.`);
  return checks.filter(({ id }) => only.includes(id));
}

/** Whoever asks for a story hears the one that was told first. */
function storyTeller<C>(context: () => C): <T>(tell: (context: C) => Promise<T>) => Promise<T> {
  const told = new Map<unknown, Promise<unknown>>();
  return <T>(tell: (context: C) => Promise<T>) => {
    const known = told.get(tell) ?? tell(context());
    told.set(tell, known);
    return known as Promise<T>;
  };
}

function brokerClaims({ target, catalog }: BrokerContext): ReadonlySet<Claim> {
  const claims = new Set<Claim>(catalog.offerings.flatMap(({ plans }) => plans.flatMap((plan) => [...claimsOf(plan)])));
  if (target.credentials !== undefined) claims.add("authentication");
  return claims;
}

/** `claims`: undefined if nobody knows what the broker claims. */
async function judge(
  check: Check,
  claims: ReadonlySet<Claim> | undefined,
  run: () => Promise<readonly Finding[]>,
): Promise<Judged> {
  const started = Date.now();
  const end = (outcome: Outcome, more: Partial<Judged> = {}): Judged => ({
    check,
    outcome,
    findings: [],
    ms: Date.now() - started,
    ...more,
  });
  const missing = (check.needs ?? []).filter((claim) => claims?.has(claim) === false);
  if (missing.length > 0) return end("not claimed", { reason: unclaimed(missing) });
  try {
    const findings = await run();
    return findings.length === 0 ? end("kept") : end("broken", { findings });
  } catch (error) {
    if (error instanceof NotClaimed) return end("not claimed", { reason: error.message });
    if (error instanceof NotReached) return end("not reached", { reason: error.message });
    // A broker can answer in ways that nobody thought of; one check must not cost all the others, nor the clean-up.
    return end("not reached", { reason: `the check itself failed: ${error instanceof Error ? error.message : error}` });
  }
}

/** What an interrupted check found is our doing, not the broker's. */
function unlessInterrupted(seen: Judged, signal: AbortSignal): Judged {
  if (!signal.aborted || seen.outcome !== "broken") return seen;
  return { ...seen, outcome: "not reached", reason: interrupted, findings: [] };
}

function unclaimed(claims: readonly Claim[]): string {
  if (claims.includes("authentication")) return "no credentials were given, so the broker asks for none";
  return `the catalog does not say ${claims.join(" and ")}`;
}

interface Known {
  readonly target: Target;
  readonly options: Options;
  readonly client: Client;
  readonly ledger: Ledger;
  readonly catalog: Catalog;
  readonly plans: readonly PlanUnderTest[];
  readonly judged: readonly Judged[];
  readonly tales: Report["tales"];
  readonly leftovers: readonly Leftover[];
  readonly startedAt: Date;
}

function write({
  target,
  options,
  client,
  ledger,
  catalog,
  plans,
  judged,
  tales,
  leftovers,
  startedAt,
}: Known): Report {
  const mask = createMask(target, client.exchanges, client.logins);
  const results = judged.map((one) => resultOf(one, mask));
  const count = (which: (result: CheckResult) => boolean) => results.filter(which).length;
  const mustBroken = count(({ outcome, level }) => outcome === "broken" && level === "MUST");
  const ended = options.signal?.aborted === true;
  const entries = [...ledger.entries.values()].filter(({ path }) => wasMade(client.exchanges, path));
  return {
    format: "lotse-conformance/1",
    specification: "2.17",
    url: mask.text(target.url),
    startedAt: startedAt.toISOString(),
    milliseconds: Date.now() - startedAt.getTime(),
    readOnly: options.readOnly === true,
    interrupted: ended,
    verdict: ended ? "interrupted" : mustBroken === 0 && leftovers.length === 0 ? "conforming" : "not conforming",
    counts: {
      kept: count(({ outcome }) => outcome === "kept"),
      mustBroken,
      shouldBroken: count(({ outcome, level }) => outcome === "broken" && level === "SHOULD"),
      notClaimed: count(({ outcome }) => outcome === "not claimed"),
      notReached: count(({ outcome }) => outcome === "not reached"),
    },
    requests: client.exchanges.length,
    made: {
      instances: entries.filter(({ kind }) => kind === "instance").length,
      bindings: entries.filter(({ kind }) => kind === "binding").length,
    },
    claims: {
      authentication: authenticationOf(target),
      plans: catalog.offerings.flatMap((offering) =>
        offering.plans.map((plan) => ({
          service: mask.text(offering.name),
          plan: mask.text(plan.name),
          planId: plan.id,
          claims: [...claimsOf(plan)],
          tested: plans.some(({ id, serviceId }) => id === plan.id && serviceId === offering.id),
        })),
      ),
    },
    tales,
    results,
    leftovers,
  };
}

function authenticationOf({ credentials }: Target): string {
  if (credentials === undefined) return "none";
  if ("token" in credentials) return "bearer token";
  return "tokenUrl" in credentials ? `OAuth 2, as ${credentials.clientId}` : `Basic, as ${credentials.username}`;
}

const wasMade = (exchanges: readonly Exchange[], path: string): boolean =>
  exchanges.some(
    ({ question, answer }) =>
      question.method === "PUT" && question.path === path && answer !== undefined && [201, 202].includes(answer.status),
  );

const specification = "https://github.com/openservicebrokerapi/servicebroker/blob/v2.17/spec.md";

function resultOf({ check, plan, outcome, reason, findings, ms }: Judged, mask: Mask): CheckResult {
  const { id, title, level, section } = check;
  const anchor = sections[section];
  return {
    id,
    area: areaOf(check),
    title,
    level,
    section,
    ...(anchor !== undefined && { link: `${specification}#${anchor}` }),
    ...(plan !== undefined && { plan: `${mask.text(plan.serviceName)} / ${mask.text(plan.name)}` }),
    outcome,
    ...(reason !== undefined && { reason: mask.text(reason) }),
    findings: findings.map(({ message, exchanges }) => ({
      message: mask.text(message),
      evidence: exchanges.map((exchange) => evidenceOf(exchange, mask)),
    })),
    milliseconds: ms,
  };
}

const shownHeaders = [
  "content-type",
  "retry-after",
  "etag",
  "location",
  "www-authenticate",
  "x-broker-api-request-identity",
];

function evidenceOf({ question, sent, answer, trouble, ms }: Exchange, mask: Mask): Evidence {
  const { method, path, query, body, raw } = question;
  const text = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const shown = (headers: Readonly<Record<string, string>>, which: (name: string) => boolean) =>
    Object.fromEntries(
      Object.entries(headers)
        .filter(([name]) => which(name.toLowerCase()))
        .map(([name, value]) => [name, name === "authorization" ? hiddenAuthorization(value) : mask.text(value)]),
    );
  return {
    request: {
      method,
      path: mask.text(`${path}${queryOf(query)}`),
      headers: shown(sent, () => true),
      ...(text !== undefined && { body: mask.body(text, path) }),
    },
    ...(answer !== undefined && {
      answer: {
        status: answer.status,
        headers: shown(answer.headers, (name) => shownHeaders.includes(name)),
        body: mask.body(answer.text, path),
      },
    }),
    ...(trouble !== undefined && { trouble: mask.text(trouble) }),
    milliseconds: ms,
  };
}

const hiddenAuthorization = (value: string): string => `${value.split(" ")[0]} [masked]`;
