/**
 * A line to all services of a cloud that fails as networks do. It stands in for every address in Keystone's catalog, so that
 * whoever logs in through it asks everything through it: `http://LINE/PORT/…` leads to `http://127.0.0.1:PORT/…`.
 */
import type { Test } from "tap";
import { type Asked, startHttpLine, type Verdict, type Watcher } from "./http-line.ts";

export type { Asked, Loss } from "./http-line.ts";

export interface CloudLine {
  /** Keystone's address by this line. */
  readonly authUrl: string;
  /** Whether anything got lost. */
  lost(): boolean;
  /** Everything that was asked so far; the services' ports are in front of the paths. */
  asked(): readonly Asked[];
}

/** `judge` says of each request what becomes of it, or answers in the cloud's place; the request waits for that. */
export async function startCloudLine(
  t: Test,
  authUrl: string,
  judge: (asked: Asked) => Verdict | Promise<Verdict>,
): Promise<CloudLine> {
  const log: Asked[] = [];
  let lost = false;
  const url = await startLineToCloud(t, authUrl, {
    async judge(asked) {
      log.push(asked);
      const verdict = await judge(asked);
      lost ||= typeof verdict === "string";
      return verdict;
    },
  });
  return { authUrl: url, lost: () => lost, asked: () => log };
}

/** Keystone's address by this line. */
export async function startLineToCloud(t: Test, authUrl: string, watcher: Watcher): Promise<string> {
  const here = await startHttpLine(t, {
    ...watcher,
    whereTo(path) {
      const [, port = "", rest = ""] = /^\/(\d+)(\/.*)$/.exec(path) ?? [];
      const host = `127.0.0.1:${port}`;
      return { url: new URL(`http://${host}${rest}`), host };
    },
    reword({ method, path }, text, here) {
      const isToken = method === "POST" && path.endsWith("/auth/tokens");
      return isToken ? Buffer.from(text.toString().replace(/http:\/\/127\.0\.0\.1:(\d+)/g, `${here}/$1`)) : text;
    },
  });
  const { port, pathname } = new URL(authUrl);
  return `${here}/${port}${pathname}`;
}
