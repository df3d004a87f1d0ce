/** What an account and a plan say to this adapter, as JSON Schema and as types. */
import type { Calendar, Json, JsonSchema, ServiceLevel, Settings, Verb } from "#adapter";

/** Who is behind an account, as customers are told. */
export interface Account {
  readonly organisation: string;
  readonly contact?: string;
}

/** What a plan promises. */
export interface Promised {
  readonly within: ServiceLevel;
  readonly withinFor: { readonly [verb in Verb]?: ServiceLevel };
  readonly calendar: Calendar;
}

const line = { type: "string", minLength: 1, maxLength: 200, pattern: "^[^\\u0000-\\u001f]*$" } as const;

export const settingsSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["organisation"],
  properties: {
    organisation: { ...line, description: "Whose people work on the tasks, as customers are told." },
    contact: {
      ...line,
      description: "Where customers answer questions, such as a mail address; told together with a question.",
    },
  },
};

const level: JsonSchema = {
  type: "object",
  additionalProperties: false,
  minProperties: 1,
  properties: {
    businessDays: { type: "integer", minimum: 0, maximum: 250 },
    businessHours: { type: "number", minimum: 0, maximum: 1000 },
  },
};

const time: JsonSchema = { type: "string", pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$" };

export const backendSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["within"],
  properties: {
    within: { ...level, description: "The service level: how much business time an order may take." },
    withinFor: {
      type: "object",
      additionalProperties: false,
      description: "Of single kinds of orders, where it differs.",
      properties: { provision: level, update: level, deprovision: level, bind: level, unbind: level },
    },
    calendar: {
      type: "object",
      additionalProperties: false,
      description: "When people work; Monday to Friday, 08:00 to 16:00 in Europe/Berlin where nothing is said.",
      properties: {
        zone: { enum: ["UTC", ...Intl.supportedValuesOf("timeZone")], description: "IANA time zone." },
        opens: time,
        closes: { ...time, description: "Later than opens." },
        weekdays: {
          type: "array",
          minItems: 1,
          uniqueItems: true,
          items: { type: "integer", minimum: 1, maximum: 7 },
          description: "1 is Monday.",
        },
        holidays: { type: "array", maxItems: 400, items: { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}$" } },
      },
    },
  },
};

export function readAccount({ values }: Settings): Account {
  const { organisation, contact } = values;
  return { organisation: String(organisation), ...(contact !== undefined && { contact: String(contact) }) };
}

const usual: Calendar = {
  zone: "Europe/Berlin",
  opens: "08:00",
  closes: "16:00",
  weekdays: [1, 2, 3, 4, 5],
  holidays: [],
};

/** What JSON Schema cannot say: undefined, or what is wrong with what the plan promises. */
export function faultOf({ calendar: { opens, closes } }: Promised): string | undefined {
  return closes > opens
    ? undefined
    : "The plan's business hours end before they begin. Whoever wrote the plan has to correct it.";
}

export function readPromised(backend: Json): Promised {
  const {
    within,
    withinFor = {},
    calendar: own = {},
  } = backend as unknown as {
    readonly within: ServiceLevel;
    readonly withinFor?: Promised["withinFor"];
    readonly calendar?: Partial<Calendar>;
  };
  return { within, withinFor, calendar: { ...usual, ...own } };
}
