/** Collects what a run saw of Lotse and a failing downstream, and writes it down for people: `docs/faults.md`. */
import type { Call } from "./scripted-broker.ts";

export interface Chapter {
  readonly title: string;
  /** What all its cells have in common. */
  readonly says: string;
  /** What the first column names. */
  readonly first: string;
  readonly columns: readonly string[];
}

export interface FaultTable {
  note(chapter: Chapter, row: string, column: string, cell: string): void;
  /** The whole page. */
  text(meanings: ReadonlyMap<string, string>): string;
}

export function createFaultTable(preface: string): FaultTable {
  const chapters = new Map<Chapter, Map<string, Map<string, string>>>();
  return {
    note(chapter, row, column, cell) {
      const rows = chapters.get(chapter) ?? new Map<string, Map<string, string>>();
      chapters.set(chapter, rows);
      rows.set(row, (rows.get(row) ?? new Map<string, string>()).set(column, cell));
    },
    text(meanings) {
      const glossary = table(["fault", "what happens"], [...meanings]);
      const told = [...chapters].map(([{ title, says, first, columns }, rows]) => {
        const lines = [...rows].map(([name, cells]) => [name, ...columns.map((column) => cells.get(column) ?? "–")]);
        return `## ${title}\n\n${says}\n\n${table([first, ...columns], lines)}`;
      });
      return [preface, `## The faults\n\n${glossary}`, ...told].join("\n\n").concat("\n");
    },
  };
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** `provision ×2, poll`: what was asked, in the order of first asking. */
export function requestsIn(calls: readonly Call[]): string {
  const counts = new Map<string, number>();
  for (const { asked } of calls) counts.set(asked, (counts.get(asked) ?? 0) + 1);
  return [...counts].map(([asked, times]) => (times === 1 ? asked : `${asked} ×${times}`)).join(", ");
}
