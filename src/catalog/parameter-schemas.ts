/** Compiles plans' parameter schemas, once, when the catalog is loaded; never in a request. */
import { explain } from "../config/explain.ts";
import { type SchemaCompiler, schemaCompiler } from "../config/json-schema.ts";
import { formatPath } from "../config/problem.ts";
import type { ParameterCheck } from "../core/catalog.ts";
import type { JsonSchema } from "../core/json.ts";

/** Without a schema anything fits. Throws an Error if the schema cannot be compiled. */
export function compileCheck(schema: JsonSchema | undefined, compiler: SchemaCompiler): ParameterCheck {
  if (schema === undefined) return () => [];
  const validate = compiler.compile(schema);
  return (parameters) =>
    validate(parameters)
      ? []
      : explain(validate.errors ?? [], parameters).map(
          ({ path, message }) => `${formatPath(["parameters", ...path])} ${message}`,
        );
}

export const parameterCompiler = (): SchemaCompiler => schemaCompiler();
