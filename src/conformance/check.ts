/** What a check is: data, and a function that looks at what the broker did. */

import type { Catalog, Claim, PlanUnderTest } from "./catalog.ts";
import type { Answer, Client, Exchange } from "./client.ts";
import type { Ledger, Leftover } from "./ledger.ts";
import type { Pace } from "./poll.ts";
import type { Target } from "./target.ts";

export type Level = "MUST" | "SHOULD";

/** Headings of the specification, with their anchors there; "Platforms" stands for what no heading says. */
export const sections = {
  "Change Policy for Minor Versions": "change-policy-for-minor-versions",
  "API Version Header": "api-version-header",
  "Originating Identity": "originating-identity",
  "Request Identity": "request-identity",
  "Vendor Extension Fields": "vendor-extension-fields",
  "Platform to Service Broker Authentication": "platform-to-service-broker-authentication",
  "URL Properties": "url-properties",
  "Service Broker Errors": "service-broker-errors",
  "Error Codes": "error-codes",
  "Content Type": "content-type",
  "Catalog Management": "catalog-management",
  "Service Offering Object": "service-offering-object",
  "Service Plan Object": "service-plan-object",
  "Input Parameters Schema Object": "input-parameters-schema-object",
  "Maintenance Info Object": "maintenance-info-object",
  "Synchronous and Asynchronous Operations": "synchronous-and-asynchronous-operations",
  "Asynchronous Operations": "asynchronous-operations",
  "Blocking Operations": "blocking-operations",
  "Polling Last Operation for Service Instances": "polling-last-operation-for-service-instances",
  "Polling Last Operation for Service Bindings": "polling-last-operation-for-service-bindings",
  Provisioning: "provisioning",
  "Fetching a Service Instance": "fetching-a-service-instance",
  "Updating a Service Instance": "updating-a-service-instance",
  "Service Instance Metadata": "service-instance-metadata",
  Binding: "binding",
  "Types of Binding": "types-of-binding",
  "Binding Metadata Object": "binding-metadata-object",
  "Endpoint Object": "endpoint-object",
  "Volume Mount Object": "volume-mounts-object",
  "Binding Rotation": "binding-rotation",
  "Fetching a Service Binding": "fetching-a-service-binding",
  Unbinding: "unbinding",
  Deprovisioning: "deprovisioning",
  "Orphan Mitigation": "orphan-mitigation",
  Platforms: undefined,
} as const;

export type Section = keyof typeof sections;

export interface Finding {
  /** What was seen, and what should have been; a sentence or two. */
  readonly message: string;
  /** The proof. */
  readonly exchanges: readonly Exchange[];
}

interface CheckBase {
  readonly id: string;
  /** What a broker does that passes: a sentence. */
  readonly title: string;
  readonly section: Section;
  readonly level: Level;
  /** What the catalog, or the way the broker is reached, has to claim; otherwise there is nothing to check. */
  readonly needs?: readonly Claim[];
}

/** Looked at once. */
export interface BrokerCheck extends CheckBase {
  readonly about: "broker";
  run(context: BrokerContext): Promise<readonly Finding[]>;
}

/** Looked at on every plan under test, with orders. */
export interface PlanCheck extends CheckBase {
  readonly about: "plan";
  run(context: PlanContext): Promise<readonly Finding[]>;
}

/** Looked at when all else is done, on everything that was asked and answered. */
export interface AnswersCheck extends CheckBase {
  readonly about: "answers";
  run(context: AnswersContext): readonly Finding[];
}

export type Check = BrokerCheck | PlanCheck | AnswersCheck;

export interface BrokerContext {
  readonly target: Target;
  readonly client: Client;
  readonly newId: () => string;
  readonly catalog: Catalog;
  /** Tells a story once, however many checks look at it. */
  story<T>(tell: (context: BrokerContext) => Promise<T>): Promise<T>;
}

export interface PlanContext extends Omit<BrokerContext, "story"> {
  readonly plan: PlanUnderTest;
  readonly ledger: Ledger;
  readonly pace: Pace;
  /** The end of the checks. */
  readonly signal: AbortSignal;
  story<T>(tell: (context: PlanContext) => Promise<T>): Promise<T>;
}

export interface AnswersContext {
  readonly exchanges: readonly Exchange[];
  /** Texts that were sent as parameters and must not come back in words for people. */
  readonly canaries: readonly string[];
  readonly leftovers: readonly Leftover[];
}

/** Thrown by a check that cannot look at what it wants to see. The reason is for people. */
export class NotReached extends Error {}

/** Thrown by a check on something that the broker turns out not to do, and need not. */
export class NotClaimed extends Error {}

export const fine: readonly Finding[] = [];

export const finding = (message: string, ...exchanges: readonly Exchange[]): readonly Finding[] => [
  { message, exchanges },
];

/** The exchange of a story, if the story came that far. */
export function reached<T>(part: T | undefined, what: string): T {
  if (part === undefined) throw new NotReached(`there was no ${what} to look at`);
  return part;
}

/** An exchange's answer; without one there is nothing to judge here (answers-at-all judges that). */
export function answerOf(exchange: Exchange | undefined, what = "answer"): Answer {
  const { answer, trouble } = reached(exchange, what);
  if (answer === undefined) throw new NotReached(`the broker gave no answer: ${trouble}`);
  return answer;
}

/** A finding unless the answer has one of these statuses. */
export function expectStatus(
  exchange: Exchange | undefined,
  statuses: readonly number[],
  what: string,
): readonly Finding[] {
  const { status } = answerOf(exchange, what);
  if (statuses.includes(status) || exchange === undefined) return fine;
  return finding(`The ${what} was answered ${status}; expected: ${statuses.join(" or ")}.`, exchange);
}

/** A 422 with this code. */
export const isCoded = ({ status, body }: Answer, code: string): boolean => status === 422 && body?.error === code;

export const isSuccess = ({ status }: Answer): boolean => status >= 200 && status < 300;
export const isRefusal = ({ status }: Answer): boolean => status >= 400 && status < 500;
