/** What Lotse and the runner of OpenTofu say to one another, a line of JSON each. */

/** The first line to the runner. */
export interface Job {
  readonly binary: string;
  /** Commands of OpenTofu, one after the other until one fails. */
  readonly commands: readonly (readonly string[])[];
  readonly directory: string;
  readonly environment: { readonly [name: string]: string };
  /** Of the journal: base64, 32 bytes. */
  readonly key: string;
  readonly state: string | null;
  /** After this OpenTofu is told to stop. */
  readonly limitMs: number;
}

/** Further lines to the runner: whether what it asked to be kept was kept, or refused as its lock was broken. */
export interface Answer {
  readonly answer: number;
  readonly kept: boolean;
}

/** Lines from the runner. It waits for the answer to what has a number. */
export type Told =
  | { readonly ask: number; readonly state: string }
  | { readonly ask: number; readonly ending: Ending }
  | { readonly progress: Progress };

export interface Progress {
  /** Changes that are planned, and those that are made. */
  readonly planned: number;
  readonly made: number;
  /** The plan for people, such as `4 to add, 1 to change`; empty as long as there is none. */
  readonly plan: string;
}

export interface Fault {
  readonly summary: string;
  readonly detail: string;
}

/** How a run ended. */
export interface Ending {
  /** Of the last command; null: a signal ended it. */
  readonly code: number | null;
  /** It was told to stop before it was through. */
  readonly stopped: boolean;
  /** It was told so because it took too long. */
  readonly overtime: boolean;
  /** OpenTofu had begun to change something. */
  readonly touched: boolean;
  readonly faults: readonly Fault[];
  /** The summary of what was changed, in OpenTofu's words. */
  readonly summary?: string;
  /** What a comparison with reality found changed: an address and what happened to it. */
  readonly drift: readonly string[];
  /** The last of what was said on standard error. */
  readonly noise: string;
}

/** What the runner kept while Lotse was away. */
export interface Journal {
  readonly state?: string;
  readonly ending?: Ending;
}

/** Undefined: it is no whole line, since whoever wrote it was ended meanwhile. */
export function readLine<T extends Job | Answer | Told>(line: string): T | undefined {
  try {
    return JSON.parse(line) as T;
  } catch {
    return undefined;
  }
}
