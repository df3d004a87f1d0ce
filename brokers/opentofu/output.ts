/**
 * Where OpenTofu says what it does. No pipe: who writes into one that nobody reads any more is ended on the spot, and OpenTofu
 * is to go on when its runner was ended. So it is a file in memory, where there is such a thing, which nobody else can open
 * as it has no name any more.
 */
import { randomUUID } from "node:crypto";
import { closeSync, openSync, readSync, unlinkSync } from "node:fs";
import { join } from "node:path";

const memory = "/dev/shm";
/** So often is looked for more. */
const everyMs = 100;
const pieceLength = 64 * 1024;

export interface Output {
  /** To be handed to the process. */
  readonly file: number;
  /** The process has ended: what is left is told, and the file is gone. */
  close(): void;
}

/** `directory`: where the file is, if there is no place in memory. */
export function openOutput(directory: string, onText: (text: string) => void): Output {
  const file = openNameless(memory) ?? openNameless(directory);
  if (file === undefined) throw new Error(`No file can be made in ${directory}.`);
  const decoder = new TextDecoder();
  const piece = Buffer.alloc(pieceLength);
  let position = 0;
  const look = () => {
    for (;;) {
      const length = readSync(file, piece, 0, pieceLength, position);
      if (length === 0) return;
      position += length;
      onText(decoder.decode(piece.subarray(0, length), { stream: true }));
    }
  };
  const timer = setInterval(look, everyMs);
  return {
    file,
    close() {
      clearInterval(timer);
      look();
      closeSync(file);
    },
  };
}

/** Undefined: there is no such place, or not for this user. */
function openNameless(place: string): number | undefined {
  const path = join(place, `lotse-${randomUUID()}`);
  try {
    const file = openSync(path, "wx+", 0o600);
    unlinkSync(path);
    return file;
  } catch {
    return undefined;
  }
}

/** Cuts text into lines; what follows the last line's end waits for more. */
export function byLine(onLine: (line: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(onLine);
  };
}
