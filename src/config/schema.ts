/** The shape of lotse.yaml, with every default; where a secret belongs, `readSecret` checks the shape instead. */
import type { JsonObject, JsonSchema } from "../core/json.ts";
import { changeKinds } from "../core/publication-rules.ts";
import { defaultSwitches } from "../core/switches.ts";

const closed = (properties: JsonObject, required: readonly string[] = []): JsonSchema => ({
  type: "object",
  additionalProperties: false,
  properties,
  required,
});
/** Left out, it stands there all the same, so that the defaults inside take hold. */
const section = (properties: JsonObject): JsonSchema => ({ ...closed(properties), default: {} });
const flag = (value: boolean): JsonSchema => ({ type: "boolean", default: value });
const choice = (values: readonly (string | number)[], value: string | number): JsonSchema => ({
  enum: values,
  default: value,
});
const whole = (minimum: number, maximum: number, value: number): JsonSchema => ({
  type: "integer",
  minimum,
  maximum,
  default: value,
});
const slug: JsonSchema = { type: "string", pattern: "^[a-z0-9][a-z0-9-]{0,62}$", examples: ["it-nord"] };
const anySecret: JsonSchema = {};
const day = 86_400;

const osb = section({
  missingVersionStatus: choice([400, 412], defaultSwitches.missingVersionStatus),
  minApiVersion: {
    type: "string",
    pattern: "^2\\.(?:[0-9]|1[0-7])$",
    examples: ["2.13"],
    default: defaultSwitches.minApiVersion,
  },
  deletedLastOperation: choice([200, 410], defaultSwitches.deletedLastOperation),
  strictOperation: flag(defaultSwitches.strictOperation),
  strictOriginatingIdentity: flag(defaultSwitches.strictOriginatingIdentity),
  onDeleteDuringCreate: choice(["abort", "refuse"], defaultSwitches.onDeleteDuringCreate),
  onDeprovisionWithBindings: choice(["cascade", "reject"], defaultSwitches.onDeprovisionWithBindings),
  serializeBindings: flag(defaultSwitches.serializeBindings),
  allowBindingsDuringUpdate: flag(defaultSwitches.allowBindingsDuringUpdate),
  emitEndpoints: flag(defaultSwitches.emitEndpoints),
  emitMetadata: flag(defaultSwitches.emitMetadata),
  // Cloud Controller and service-catalog poll for up to seven days.
  operationRetentionDays: whole(7, 36_500, defaultSwitches.operationRetentionDays),
  retryAfterSeconds: whole(1, day, defaultSwitches.retryAfterSeconds),
  requireOrgSpaceGuid: flag(defaultSwitches.requireOrgSpaceGuid),
});

const engine = section({
  leaseSeconds: whole(5, 3600, 15),
  stepTimeoutSeconds: whole(1, day, 120),
  // Platforms hang up after about 60 seconds, and what they then believe is a failure.
  syncPatienceSeconds: whole(1, 55, 50),
  quickAnswerSeconds: whole(0, 55, 2),
  slotsPerProvider: whole(1, 10_000, 16),
  backoff: section({ firstSeconds: whole(1, 3600, 1), maxSeconds: whole(1, day, 300) }),
  stopGraceSeconds: whole(0, 3600, 20),
});

const http = section({
  bodyLimitBytes: whole(1024, 64 * 1024 * 1024, 1024 * 1024),
  requestTimeoutSeconds: whole(1, 3600, 60),
  tls: closed({ cert: { type: "string", minLength: 1 }, key: anySecret }, ["cert", "key"]),
});

/** Departures from the rules by which a provider's catalogs are published. */
export const publicationSchema: JsonSchema = closed({
  changes: closed(Object.fromEntries(changeKinds.map((kind) => [kind, { enum: ["always", "unused", "never"] }]))),
  // No provider's setting lets most of a catalog go by itself.
  massRemovalPercent: { type: "integer", minimum: 0, maximum: 50 },
});

const provider = closed(
  {
    adapter: { type: "string" },
    settings: { type: "object", default: {} },
    slots: { type: "integer", minimum: 1, maximum: 10_000 },
    catalog: closed({
      identities: choice(["derived", "downstream"], "derived"),
      organisation: { type: "string" },
      integrator: { type: "string" },
      publisher: { type: "string" },
      publication: publicationSchema,
    }),
  },
  ["adapter"],
);

export const configSchema: JsonSchema = closed({
  osb,
  engine,
  http,
  catalog: section({ refreshSeconds: whole(5, day, 300) }),
  inventory: section({ everySeconds: whole(60, 30 * day, 3600) }),
  log: section({ level: choice(["fatal", "error", "warn", "info", "debug", "trace", "silent"], "info") }),
  keys: {
    type: "array",
    default: [],
    items: closed({ id: slug, secret: anySecret }, ["id", "secret"]),
  },
  providers: { type: "object", propertyNames: slug, additionalProperties: provider },
});
