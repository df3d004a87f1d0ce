/** A line to one HTTP server that fails as networks do; headers pass unchanged, so that signatures hold. */
import type { Test } from "tap";
import { type Loss, startLineTo } from "./http-line.ts";

/** `judge` says of each request what becomes of it. The line's own address. */
export function startLosingLine(t: Test, url: string, judge: () => Loss): Promise<string> {
  return startLineTo(t, url, { judge });
}
