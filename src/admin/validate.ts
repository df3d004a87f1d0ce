/** Holds bodies and parameters against the schemas of their routes; everything wrong is told at once. */
import type { ValidateFunction } from "ajv/dist/ajv.js";
import type { FastifySchemaCompiler } from "fastify";
import { explain } from "../config/explain.ts";
import { ownSchemaCompiler } from "../config/json-schema.ts";
import type { Path } from "../config/problem.ts";
import type { JsonSchema } from "../core/json.ts";
import { type InvalidPart, Problem } from "./problem.ts";

/** One for an application: Ajv instances are dear. */
export function createValidator(): FastifySchemaCompiler<JsonSchema> {
  const bodies = ownSchemaCompiler();
  // Parameters are text on their way: "50" means 50.
  const parameters = ownSchemaCompiler({ coerceTypes: true, useDefaults: true });
  return ({ schema, httpPart }) => {
    const inBody = httpPart === "body";
    // When the first request of its kind comes: a start has nearly a hundred of them.
    let validate: ValidateFunction | undefined;
    return (data) => {
      validate ??= (inBody ? bodies : parameters).compile(schema);
      if (validate(data) === true) return { value: data };
      const errors = explain(validate.errors ?? [], data).map(({ path, message }) =>
        inBody ? { pointer: pointerOf(path), detail: message } : { parameter: nameOf(path), detail: message },
      );
      return { error: new Problem("Invalid", { errors: errors satisfies InvalidPart[] }) };
    };
  };
}

// Names come from the caller: enough of one to recognise it by.
const longestName = 100;

const nameOf = (path: Path): string => path.join(".").slice(0, longestName);

/** A JSON Pointer (RFC 6901) as a URI fragment; `#` is the body as a whole. */
export function pointerOf(path: Path): string {
  const escaped = (step: string | number) =>
    encodeURIComponent(String(step).slice(0, longestName).toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1"));
  return ["#", ...path.map(escaped)].join("/");
}
