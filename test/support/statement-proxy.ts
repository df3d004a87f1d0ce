/**
 * Stands between the broker and a PostgreSQL server, and lets a test stop time at any statement.
 *
 * It reads the frontend/backend protocol just far enough to know where a statement begins (a Query, or everything up to
 * a Sync; the start of a session counts as one, too) and when the server is done with it (ReadyForQuery).
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Test } from "tap";

/** What the broker is about to say to the server. */
export interface Statement {
  /** Number of the connection, from 1. */
  readonly connection: number;
  readonly database: string;
  /** The first message of a session, which the server answers after the login. */
  readonly opens: boolean;
  /** All that is sent, values included; what is no text is garbled. */
  readonly text: string;
}

/**
 * hold before: the server never gets the statement, and the broker waits. hold after: the server has carried it out, and
 * the broker waits for the answer. Both end when the broker's process does, or with `release`. cut: the same two moments,
 * but the connection breaks there.
 */
export type Verdict = "pass" | "hold before" | "hold after" | "cut before" | "cut after";

export interface StatementProxy {
  readonly port: number;
  /** Lets everything that is held go on. */
  release(): void;
}

export interface Watcher {
  /** Asked once for every statement, before it is forwarded. */
  judge(statement: Statement): Verdict;
  /** The verdict other than "pass" has come true. */
  onReached?(statement: Statement): void;
  onClosed?(connection: number): void;
}

export async function startStatementProxy(
  t: Test,
  server: { readonly host: string; readonly port: number },
  watcher: Watcher,
): Promise<StatementProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let go = Promise.withResolvers<void>();

  const listener = createServer((client) => {
    const connection = ++connections;
    const upstream = connect(server.port, server.host);
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    }
    client.on("close", () => {
      upstream.destroy();
      watcher.onClosed?.(connection);
    });
    upstream.on("close", () => client.destroy());
    relay(client, upstream, connection, watcher, () => go.promise);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    listener.close();
    await once(listener, "close");
  });
  const address = listener.address();
  return {
    port: typeof address === "object" ? (address?.port ?? 0) : 0,
    release() {
      go.resolve();
      go = Promise.withResolvers<void>();
    },
  };
}

function relay(client: Socket, upstream: Socket, connection: number, watcher: Watcher, go: () => Promise<void>): void {
  let database = "";
  let held: "everything" | "readiness" | undefined;
  let answers: Buffer[] = [];
  let ready = Promise.withResolvers<void>();
  const fromServer = createFrames(true, (kind, frame) => {
    // A login goes back and forth; only what the server says at its end can be held back.
    if (held === "everything" || (held === "readiness" && (kind === "Z" || answers.length > 0))) answers.push(frame);
    else client.write(frame);
    if (kind === "Z") ready.resolve();
  });
  upstream.on("data", (chunk: Buffer) => fromServer(chunk));

  let turn: Promise<void> = Promise.resolve();
  let parts: Buffer[] = [];
  const fromClient = createFrames(false, (kind, frame) => {
    parts.push(frame);
    // Q and S end a statement, an untyped message opens a session; passwords and the goodbye are no statements.
    const whole = kind === "Q" || kind === "S" || kind === "";
    if (!whole && kind !== "p" && kind !== "X") return;
    const bytes = Buffer.concat(parts);
    parts = [];
    if (kind === "") database = /\0database\0([^\0]*)\0/.exec(bytes.toString("latin1"))?.[1] ?? "";
    const statement = { connection, database, opens: kind === "", text: bytes.toString("latin1") };
    if (whole) turn = turn.then(() => carry(statement, bytes));
    else turn = turn.then(() => void upstream.write(bytes));
  });
  client.on("data", (chunk: Buffer) => fromClient(chunk));

  async function carry(statement: Statement, bytes: Buffer): Promise<void> {
    if (client.destroyed) return;
    const verdict = watcher.judge(statement);
    if (verdict === "hold before") {
      watcher.onReached?.(statement);
      await Promise.race([go(), once(client, "close")]);
      if (client.destroyed) return;
    }
    if (verdict === "cut before") {
      client.resetAndDestroy();
      watcher.onReached?.(statement);
      return;
    }
    const after = verdict === "hold after" || verdict === "cut after";
    if (after) {
      ready = Promise.withResolvers<void>();
      held = statement.opens ? "readiness" : "everything";
    }
    upstream.write(bytes);
    // What follows an opening belongs to the login and must not wait for its end.
    if (statement.opens && after) void answered(statement, verdict);
    else if (after) await answered(statement, verdict);
  }

  async function answered(statement: Statement, verdict: Verdict): Promise<void> {
    await Promise.race([ready.promise, once(upstream, "close")]);
    if (verdict === "cut after") client.resetAndDestroy();
    watcher.onReached?.(statement);
    if (verdict === "hold after") await Promise.race([go(), once(client, "close")]);
    held = undefined;
    const late = answers;
    answers = [];
    for (const frame of late) if (!client.destroyed) client.write(frame);
  }
}

/** Cuts a stream into messages. The client's first one has no kind: its first byte is already part of its length. */
function createFrames(typed: boolean, each: (kind: string, frame: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let opened = typed;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const head = opened ? 1 : 0;
      if (rest.length < head + 4) return;
      const end = head + rest.readUInt32BE(head);
      if (rest.length < end) return;
      const frame = rest.subarray(0, end);
      rest = rest.subarray(end);
      const kind = opened ? String.fromCharCode(frame[0] ?? 0) : "";
      opened = true;
      each(kind, frame);
    }
  };
}
