/**
 * A line between two brokers that fails as networks do. It reads HTTP far enough to know whose request it carries, and
 * lets a test choose what becomes of each, and know the moments at which one of the two ends may be killed.
 */
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Test } from "tap";

/** What may become of one request and its answer. */
export const lineFaults = [
  /** The connection ends, and nothing of the request arrives. */
  "drops the request",
  /** The connection is reset as soon as the request is through; it takes effect. */
  "resets after the body",
  /** The answer came, and the connection ends without it. */
  "drops the answer",
  /** The connection is reset in the middle of the answer. */
  "cuts the answer",
  /** The request arrives late, whether its sender still waits or not. */
  "delays the request",
  "delays the answer",
] as const;

export type LineFault = (typeof lineFaults)[number];

export interface Carried {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body: string;
}

export interface Watcher {
  /** Asked once for each request. */
  judge(carried: Carried): { readonly fault: LineFault; readonly delayMs: number } | undefined;
  /** Just before a request goes on, or just after its answer came back. */
  onMoment(moment: "request" | "answer"): void;
}

export interface Line {
  /** Where the near end asks. */
  readonly url: string;
  /** Leads to this address from now on. */
  leadTo(url: string): void;
}

export async function startLine(t: Test, { judge, onMoment }: Watcher): Promise<Line> {
  let target = new URL("http://127.0.0.1:1");
  const agent = new Agent({ keepAlive: true });
  const server = createServer((question, answer) => {
    question.on("error", () => undefined);
    answer.on("error", () => undefined);
    carry(question, answer).catch(() => reset(question.socket));
  });

  async function carry(question: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await buffer(question);
    const { method = "GET", url: path = "/" } = question;
    const verdict = judge({ method, path, body: body.toString() });
    const is = (fault: LineFault) => verdict?.fault === fault;
    if (is("drops the request")) {
      question.socket.destroy();
      return;
    }
    if (is("delays the request")) await later(verdict?.delayMs ?? 0);
    onMoment("request");
    const reply = ask(method, path, question, body);
    if (is("resets after the body")) {
      reset(question.socket);
      await reply.catch(() => undefined);
      return;
    }
    const { status, headers, text } = await reply;
    onMoment("answer");
    if (is("delays the answer")) await later(verdict?.delayMs ?? 0);
    if (is("drops the answer")) {
      question.socket.destroy();
      return;
    }
    answer.writeHead(status, headers);
    if (is("cuts the answer")) answer.write(text.subarray(0, text.length / 2), () => reset(question.socket));
    else answer.end(text);
  }

  async function ask(method: string, path: string, { headers }: IncomingMessage, body: Buffer): Promise<Reply> {
    const onward = request({ host: target.hostname, port: target.port, method, path, headers, agent });
    onward.end(body);
    const [reply] = (await once(onward, "response")) as [IncomingMessage];
    return { status: reply.statusCode ?? 502, headers: reply.headers, text: await buffer(reply) };
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo(url) {
      target = new URL(url);
    },
  };
}

/** Node 24 never gets rid of a socket that is reset while it ends, which it does once its other side was killed. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: Buffer;
}

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
