/** Kubernetes writes amounts as 250m, 2Gi or 1e3 (Kubernetes: Quantity). */

const powers: Readonly<Record<string, readonly [base: bigint, exponent: number]>> = {
  n: [10n, -9],
  u: [10n, -6],
  m: [10n, -3],
  "": [10n, 0],
  k: [10n, 3],
  M: [10n, 6],
  G: [10n, 9],
  T: [10n, 12],
  P: [10n, 15],
  E: [10n, 18],
  Ki: [2n, 10],
  Mi: [2n, 20],
  Gi: [2n, 30],
  Ti: [2n, 40],
  Pi: [2n, 50],
  Ei: [2n, 60],
};

const digits = 9;

/** The amount in units of `per`, as a decimal number with up to nine digits after the point; undefined: it is none. */
export function decimal(text: string, per: number): string | undefined {
  const [, sign = "", whole = "", part = "", suffix = "", tens = "0"] =
    /^([+-]?)([0-9]+)\.?([0-9]*)(?:([a-zA-Z]{0,2})|[eE]([+-]?[0-9]{1,3}))$/.exec(text) ?? [];
  const power = powers[suffix];
  if (whole === "" || power === undefined) return undefined;
  const [base, exponent] = tens === "0" ? power : ([10n, Number(tens)] as const);
  // In units of 10^-9 of `per`, cut off and not rounded up.
  const times = 10n ** BigInt(digits) * (exponent > 0 ? base ** BigInt(exponent) : 1n);
  const by = 10n ** BigInt(part.length) * BigInt(per) * (exponent < 0 ? base ** BigInt(-exponent) : 1n);
  const units = (BigInt(whole + part) * times) / by;
  const text9 = units.toString().padStart(digits + 1, "0");
  const rest = text9.slice(-digits).replace(/0+$/, "");
  return `${sign === "-" && units > 0n ? "-" : ""}${text9.slice(0, -digits)}${rest === "" ? "" : `.${rest}`}`;
}
