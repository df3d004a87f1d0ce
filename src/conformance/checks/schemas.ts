/** The schemas of parameters in a catalog. */
import { Ajv } from "ajv";
import { Ajv2019 } from "ajv/dist/2019.js";
import { Ajv2020 } from "ajv/dist/2020.js";
import AjvDraft04 from "ajv-draft-04";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import type { BrokerCheck, BrokerContext } from "../check.ts";
import { catalogCheck, isText, memberOf, planName, plansOf } from "./catalog-check.ts";

interface ParameterSchema {
  readonly where: string;
  readonly schema: Json;
}

const schemaPlaces = [
  ["service_instance", "create"],
  ["service_instance", "update"],
  ["service_binding", "create"],
] as const;

function schemasOf(context: BrokerContext): readonly ParameterSchema[] {
  return plansOf(context).flatMap((plan) =>
    schemaPlaces.flatMap(([thing, verb]) => {
      const schemas = memberOf(plan.raw, "schemas");
      const schema = memberOf(memberOf(memberOf(schemas, thing), verb), "parameters");
      return schema === undefined ? [] : [{ where: `${thing}.${verb}.parameters of ${planName(plan)}`, schema }];
    }),
  );
}

function refsIn(value: Json): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(refsIn);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "$ref" && typeof inner === "string" ? [inner] : refsIn(inner),
  );
}

const longestSchema = 64 * 1024;
const options = { strict: false, logger: false, validateFormats: false } as const;

/** Made when it is needed first: to compile a metaschema takes a while. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const validators = [
  [/draft-04/, once(() => new AjvDraft04.default(options))],
  [/draft-0[67]/, once(() => new Ajv(options))],
  [/2019-09/, once(() => new Ajv2019(options))],
  [/2020-12/, once(() => new Ajv2020(options))],
] as const;

/** What is wrong with a schema in the words of its own metaschema; empty for a good one, or a draft nobody here knows. */
function schemaTrouble(schema: JsonObject): string {
  const draft = typeof schema.$schema === "string" ? schema.$schema : "";
  const [, validator] = validators.find(([drafts]) => drafts.test(draft)) ?? [];
  const ajv = validator?.();
  if (ajv === undefined) return "";
  const { $schema: _draft, ...plain } = schema;
  return ajv.validateSchema(plain) === true ? "" : ajv.errorsText(ajv.errors, { dataVar: "the schema" });
}

export const schemaChecks: readonly BrokerCheck[] = [
  catalogCheck({
    id: "catalog-schema-valid",
    title: "Schemas of parameters are JSON schemas that name their draft.",
    section: "Input Parameters Schema Object",
    level: "MUST",
    look: (context) =>
      schemasOf(context).flatMap(({ where, schema }) => {
        if (!isJsonObject(schema)) return [`${where} is no object.`];
        if (!isText(schema.$schema)) return [`${where} has no $schema.`];
        const trouble = schemaTrouble(schema);
        return trouble === "" ? [] : [`${where} is no valid schema of its draft: ${trouble}.`];
      }),
  }),
  catalogCheck({
    id: "catalog-schema-references",
    title: "Schemas of parameters refer to nothing outside themselves.",
    section: "Input Parameters Schema Object",
    level: "MUST",
    look: (context) =>
      schemasOf(context).flatMap(({ where, schema }) =>
        refsIn(schema)
          .filter((reference) => !reference.startsWith("#"))
          .map((reference) => `${where} refers to ${reference}.`),
      ),
  }),
  catalogCheck({
    id: "catalog-schema-size",
    title: "No schema of parameters is larger than 64 kB.",
    section: "Input Parameters Schema Object",
    level: "MUST",
    look: (context) =>
      schemasOf(context)
        .map(({ where, schema }) => ({ where, bytes: Buffer.byteLength(JSON.stringify(schema)) }))
        .filter(({ bytes }) => bytes > longestSchema)
        .map(({ where, bytes }) => `${where} has ${bytes} bytes.`),
  }),
  catalogCheck({
    id: "catalog-schema-draft",
    title: "Schemas of parameters are of draft 4, the only one that every platform understands.",
    section: "Input Parameters Schema Object",
    level: "SHOULD",
    look: (context) =>
      schemasOf(context)
        .filter(({ schema }) => isText(memberOf(schema, "$schema")))
        .filter(({ schema }) => !String(memberOf(schema, "$schema")).includes("draft-04"))
        .map(({ where, schema }) => `${where} is of ${String(memberOf(schema, "$schema"))}.`),
  }),
];
