/** What people are told of OpenTofu's errors, without any secret and without what they wrote themselves. */
import type { Json } from "#adapter";
import type { Fault } from "./protocol.ts";
import type { Result } from "./result.ts";
import type { Account } from "./settings.ts";
import type { State } from "./state.ts";

/** Summaries of errors that come back however often the same order runs. */
const aboutVariables = /^(Invalid value for (input )?variable|No value for required variable|Invalid variable value)/;

/** What was ordered does not fit: another try would say the same. */
export function areAboutVariables(faults: readonly Fault[]): boolean {
  return faults.length > 0 && faults.every(({ summary }) => aboutVariables.test(summary));
}

const longest = 800;
/** A shorter text is found in any sentence. */
const shortestSecret = 4;

export function reasonOf(account: Account, result: Result, state: State): string {
  const { faults, overtime, work } = result;
  if (overtime) return `OpenTofu did not end within ${Math.round(account.runMs / 1000)} s and was told to stop.`;
  const told = faults.map(({ summary, detail }) => {
    // OpenTofu adds where in the module a rule stands; whoever ordered cannot look there.
    const plain = detail.split("\n\nThis was checked by the validation rule")[0] ?? "";
    const advice = plain.replace(
      /Use a -var or -var-file command line argument to provide a value for this variable\./,
      "The provider has to give it, in the plan or in the account.",
    );
    return advice === "" ? summary : `${summary}: ${advice}`;
  });
  const text = told.join(" ").replaceAll(/\s+/g, " ").trim();
  const hidden = [
    ...textsIn(work.variables),
    ...textsIn(account.secretVariables.reveal()),
    ...textsIn(account.secretEnvironment.reveal()),
    ...[...state.outputs.values()].filter(({ sensitive }) => sensitive).flatMap(({ value }) => textsIn(value)),
    ...state.secrets,
  ];
  const masked = mask(text, hidden);
  const short = masked.length > longest ? `${masked.slice(0, longest)} …` : masked;
  return areAboutVariables(faults)
    ? `The order does not fit what the module takes. ${short}`
    : `The provider's module ended with an error. ${short}`;
}

/** `text` has single spaces only; so a secret of several lines is looked for like that. */
export function mask(text: string, hidden: readonly string[]): string {
  const looked = hidden.map((secret) => secret.replaceAll(/\s+/g, " ").trim());
  const longestFirst = looked.filter(({ length }) => length >= shortestSecret).sort((a, b) => b.length - a.length);
  return longestFirst.reduce((told, secret) => told.replaceAll(secret, "…"), text);
}

/** All texts within a value. */
export function textsIn(value: Json): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((inner: Json) => textsIn(inner));
}
