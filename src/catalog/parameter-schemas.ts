/** Compiles the parameter schemas of plans, once per catalog, into checks that name the field and never its value. */
import { createContext, Script } from "node:vm";
import type { ValidateFunction } from "ajv/dist/ajv.js";
import { explain } from "../config/explain.ts";
import { type SchemaCompiler, schemaCompiler } from "../config/json-schema.ts";
import { formatPath } from "../config/problem.ts";
import type { ParameterCheck } from "../core/catalog.ts";
import type { Json, JsonObject, JsonSchema } from "../core/json.ts";
import type { Offering, Plan } from "../core/model.ts";

export interface PlanChecks {
  readonly create: ParameterCheck;
  readonly update: ParameterCheck;
  readonly bind: ParameterCheck;
}

/** More values than this in one request's parameters are refused unseen, and so is deeper nesting. */
const maxValues = 2000;
const maxDepth = 32;
/** Violations told at once. */
const maxViolations = 20;
/** Milliseconds all patterns together may take in one check. A sound pattern takes microseconds. */
const patternBudget = 100;

/** The checks of every plan, by plan id. Throws if a schema cannot be compiled; `checkCatalog` finds those before. */
export function compileParameterChecks(offerings: readonly Offering[]): ReadonlyMap<string, PlanChecks> {
  const compile = parameterCompiler();
  const checksOf = ({ schemas }: Plan): PlanChecks => ({
    create: compile(schemas.create),
    update: compile(schemas.update),
    bind: compile(schemas.bind),
  });
  return new Map(offerings.flatMap(({ plans }) => plans.map((plan) => [plan.id, checksOf(plan)])));
}

/**
 * Makes checks in shared Ajv instances; the same schema written twice is compiled once. A plan without a schema leaves
 * the judgement to its adapter. Throws an Error for a schema that cannot be compiled.
 */
export function parameterCompiler(): (schema: JsonSchema | undefined) => ParameterCheck {
  const budget: Budget = { left: 0 };
  const compiler = parameterSchemaCompiler(budget);
  const made = new Map<string, ParameterCheck>();
  return (schema) => {
    if (schema === undefined) return acceptAll;
    const text = JSON.stringify(schema);
    const check = made.get(text) ?? checkWith(compiler.compile(schema), budget);
    made.set(text, check);
    return check;
  };
}

const acceptAll: ParameterCheck = () => [];

interface Budget {
  left: number;
}

/** Patterns come from the catalog but meet strings from anywhere, so they run against the clock. */
export function parameterSchemaCompiler(budget: Budget = { left: patternBudget }): SchemaCompiler {
  const timed = (pattern: string, flags: string) => timedPattern(new RegExp(pattern, flags), budget);
  return schemaCompiler({ code: { regExp: Object.assign(timed, { code: "new RegExp" }) } });
}

class OutOfTime extends Error {}

const patternContext = createContext(Object.create(null));
const testPattern = new Script("pattern.test(text)");

/** V8 can interrupt a pattern that backtracks without end, though only from outside: a Script has a timeout. */
function timedPattern(pattern: RegExp, budget: Budget): RegExp {
  return Object.assign(Object.create(pattern) as RegExp, {
    test(text: string): boolean {
      if (budget.left < 1) throw new OutOfTime();
      const begun = performance.now();
      try {
        Object.assign(patternContext, { pattern, text });
        return testPattern.runInContext(patternContext, { timeout: Math.ceil(budget.left) }) === true;
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT") {
          throw new OutOfTime();
        }
        throw error;
      } finally {
        Object.assign(patternContext, { pattern: undefined, text: undefined });
        budget.left -= performance.now() - begun;
      }
    },
  });
}

function checkWith(validate: ValidateFunction, budget: Budget): ParameterCheck {
  return (parameters: JsonObject) => {
    if (!isModest(parameters)) {
      return [`parameters: must hold at most ${maxValues} values, nested at most ${maxDepth} levels deep`];
    }
    budget.left = patternBudget;
    try {
      if (validate(parameters)) return [];
    } catch (error) {
      if (error instanceof OutOfTime) return ["parameters: could not be checked in time; send shorter texts"];
      throw error;
    }
    return explain(validate.errors ?? [], parameters)
      .slice(0, maxViolations)
      .map(({ path, message }) => `${formatPath(["parameters", ...path])}: ${message}`);
  };
}

/** Counts with a list instead of recursion, because depth is what is in question. */
function isModest(parameters: JsonObject): boolean {
  let values = 0;
  const waiting: { readonly value: Json; readonly depth: number }[] = [{ value: parameters, depth: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { value, depth } = next;
    values += 1;
    if (values > maxValues || depth > maxDepth) return false;
    if (typeof value !== "object" || value === null) continue;
    const inside = Object.values(value);
    if (inside.length > maxValues) return false;
    for (const part of inside) waiting.push({ value: part, depth: depth + 1 });
  }
  return true;
}
