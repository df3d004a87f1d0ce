/** Prints findings as plain text. */
import type { Findings, Table } from "./findings.ts";
import { median, quantile, type Verdict } from "./ratio.ts";
import type { Reading } from "./rounds.ts";

/** A table whose first column is words and whose others are figures. */
export function formatTable({ title, columns, rows }: Table): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === "number" ? formatNumber(cell) : cell)));
  const widths = columns.map((column, at) => Math.max(column.length, ...cells.map((row) => (row[at] ?? "").length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  ")
      .trimEnd();
  return [title, line(columns), ...cells.map(line)].join("\n");
}

/** Three significant digits, or whole numbers from a hundred on. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

/** Readings, each figure the median over the rounds. */
export function readingsTable(title: string, readings: Findings["readings"]): Table {
  const columns = [title, "per s", "p50 ms", "p99 ms", "cpu µs", "busy", "RSS MiB", "others", "tries"];
  const rows = [...readings].map(([name, list]) => {
    const middle = (of: (reading: Reading) => number) => median(list.map(of));
    return [
      `  ${name}`,
      middle((reading) => reading.perSecond),
      middle((reading) => reading.p50Ms),
      middle((reading) => reading.p99Ms),
      middle((reading) => reading.cpuMicros),
      middle((reading) => reading.busy),
      middle((reading) => reading.residentMiB),
      middle((reading) => reading.others),
      list.reduce((sum, reading) => sum + reading.tries, 0),
    ];
  });
  return { title: "", columns, rows };
}

/** Goals: what was promised, what was found. */
export function verdictsTable(verdicts: readonly Verdict[]): Table {
  const columns = ["goal", "", "aim", "floor", "measured", "range", "limit", "standing"];
  const rows = verdicts.map(({ goal, figures, median: middle, standing }) => {
    const sign = goal.better === "more" ? "≥" : "≤";
    const range = `${formatNumber(quantile(figures, 0))}…${formatNumber(quantile(figures, 1))}`;
    const floor = goal.floor === undefined ? "" : `${sign} ${goal.floor}`;
    const limit = goal.limit === undefined ? "" : formatNumber(goal.limit);
    return [goal.name, goal.says, `${sign} ${goal.aim}`, floor, formatNumber(middle), range, limit, standing];
  });
  return { title: "", columns, rows };
}
