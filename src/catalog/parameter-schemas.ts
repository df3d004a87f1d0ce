/**
 * Compiles plans' parameter schemas: those of the catalog files when the catalog is loaded, so that faults show at once;
 * those of providers' own catalogs, of which there may be thousands, each when it is first needed.
 */
import type { ValidateFunction } from "ajv/dist/ajv.js";
import { explain } from "../config/explain.ts";
import { type SchemaCompiler, schemaCompiler } from "../config/json-schema.ts";
import { formatPath } from "../config/problem.ts";
import type { ParameterCheck } from "../core/catalog.ts";
import type { JsonSchema } from "../core/json.ts";
import { affordablePattern, isAffordable } from "./affordable.ts";

/** Without a schema anything fits. Throws an Error if the schema cannot be compiled. */
export function compileCheck(schema: JsonSchema | undefined, compiler: SchemaCompiler): ParameterCheck {
  if (schema === undefined) return () => [];
  return checkBy(compiler.compile(schema));
}

/** Where the schema cannot be compiled, or could take long, anything fits: the provider has the last word anyhow. */
export function lenientCheck(schema: JsonSchema | undefined, compiler: SchemaCompiler): ParameterCheck {
  if (schema === undefined) return () => [];
  let check: ParameterCheck | undefined;
  return (parameters) => {
    check ??= compiled(schema, compiler);
    return check(parameters);
  };
}

function compiled(schema: JsonSchema, compiler: SchemaCompiler): ParameterCheck {
  if (!isAffordable(schema)) return () => [];
  try {
    return checkBy(compiler.compile(schema));
  } catch {
    return () => [];
  }
}

function checkBy(validate: ValidateFunction): ParameterCheck {
  return (parameters) =>
    validate(parameters)
      ? []
      : explain(validate.errors ?? [], parameters).map(
          ({ path, message }) => `${formatPath(["parameters", ...path])} ${message}`,
        );
}

/** For schemas of the catalog files, which were held against their meta-schema when those were checked. */
export const parameterCompiler = (): SchemaCompiler => schemaCompiler({ validateSchema: false });

/** Ajv puts `code` into modules it writes, which nobody here has it do. */
const regExp = Object.assign(affordablePattern, { code: "" });

/** For schemas that others wrote: words unknown here and patterns that could take long are passed over. */
export const providersCompiler = (): SchemaCompiler => schemaCompiler({ strict: false, code: { regExp } });
