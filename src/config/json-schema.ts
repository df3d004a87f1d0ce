/** Compiles JSON Schemas of every draft in use, each with the Ajv that speaks its draft. */

import { Ajv2019 } from "ajv/dist/2019.js";
import { Ajv2020 } from "ajv/dist/2020.js";
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from "ajv/dist/ajv.js";
import type { default as AjvCore } from "ajv/dist/core.js";
import draft06 from "ajv/dist/refs/json-schema-draft-06.json" with { type: "json" };
import ajvDraft04 from "ajv-draft-04";
import ajvFormats from "ajv-formats";
import type { JsonSchema } from "../core/json.ts";

const makers: { readonly [draft: string]: (options: Options) => AjvCore.default } = {
  "http://json-schema.org/draft-04/schema": (options) => new ajvDraft04.default(options),
  "http://json-schema.org/draft-06/schema": (options) => new Ajv(options).addMetaSchema(draft06),
  "http://json-schema.org/draft-07/schema": (options) => new Ajv(options),
  "https://json-schema.org/draft/2019-09/schema": (options) => new Ajv2019(options),
  "https://json-schema.org/draft/2020-12/schema": (options) => new Ajv2020(options),
};

/** Values of `$schema` that are understood, with or without a trailing `#`. */
export const knownDrafts: readonly string[] = Object.keys(makers);

/** The draft whose meta-schema Cloud Foundry holds every parameter schema against. */
export const draft04 = "http://json-schema.org/draft-04/schema";

/** The draft a `$schema` names; undefined if it is none of the known ones. */
export function draftOf($schema: unknown): string | undefined {
  const draft = typeof $schema === "string" ? $schema.replace(/#$/, "") : undefined;
  return draft !== undefined && Object.hasOwn(makers, draft) ? draft : undefined;
}

export interface SchemaCompiler {
  /** How the schema breaks its draft's meta-schema, or that of a draft named here. */
  faults(schema: JsonSchema, draft?: string): readonly ErrorObject[];
  /** Throws an Error if the schema cannot be compiled: an unknown keyword or format, a reference to nowhere. */
  compile(schema: JsonSchema): ValidateFunction;
}

/**
 * One Ajv per draft, made when first needed and shared, because a compilation in a fresh Ajv costs eight times as much.
 * Schemas without `$schema` count as 2020-12. All violations are collected, and unknown keywords and formats refused.
 */
export function schemaCompiler(options: Options = {}): SchemaCompiler {
  const made = new Map<string, AjvCore.default>();
  const ajvFor = (draft: string): AjvCore.default => {
    let ajv = made.get(draft);
    if (ajv === undefined) {
      const make = makers[draft];
      if (make === undefined) throw new Error(`$schema must be one of ${knownDrafts.join(", ")}`);
      ajv = make({
        allErrors: true,
        verbose: true,
        logger: false,
        // What objects inherit, such as `constructor`, is no property anybody sent.
        ownProperties: true,
        // Two plans may carry the same `$id`; references inside one schema work without a registry.
        addUsedSchema: false,
        // Unknown keywords are refused; these three only judge style.
        strictTypes: false,
        strictTuples: false,
        strictRequired: false,
        ...options,
        // Ajv's own pass over the code it wrote is dear, and V8 makes one anyhow.
        code: { optimize: false, ...options.code },
      });
      ajvFormats.default(ajv);
      made.set(draft, ajv);
    }
    return ajv;
  };
  const draftFor = (schema: JsonSchema): string =>
    schema.$schema === undefined ? "https://json-schema.org/draft/2020-12/schema" : (draftOf(schema.$schema) ?? "");
  return {
    faults(schema, draft = draftFor(schema)) {
      const ajv = ajvFor(draft);
      const metaSchema = ajv.getSchema(draft);
      if (metaSchema === undefined) throw new Error(`no meta-schema for ${draft}`);
      return metaSchema(schema) === true ? [] : (metaSchema.errors ?? []);
    },
    compile: (schema) => ajvFor(draftFor(schema)).compile(schema),
  };
}

/** For schemas that come with Lotse: its tests hold them against their meta-schema, so that no start has to compile that. */
export const ownSchemaCompiler = (options: Options = {}): SchemaCompiler =>
  schemaCompiler({ validateSchema: false, ...options });
