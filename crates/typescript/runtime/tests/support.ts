/** A real HTTP server for tests: what came is kept, what to answer is said by the test. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { Client, type ClientOptions } from "../src/client.js";
import type { Authenticators } from "../src/auth.js";

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export type Answer = (request: Received, response: ServerResponse) => void;

export interface World {
  readonly received: Received[];
  readonly url: string;
  client(options?: ClientOptions, authenticators?: Authenticators): Client;
}

/** Runs a test against a server that answers with one of the answers after the other, then with the last. */
export async function withServer(
  answers: readonly Answer[],
  test: (world: World) => Promise<void>,
): Promise<void> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const each = { method, url, headers, body: Buffer.concat(chunks) };
      received.push(each);
      const answer = answers[Math.min(received.length, answers.length) - 1];
      answer?.(each, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await test({
      received,
      url,
      client: (options = {}, authenticators = {}) =>
        new Client({
          userAgent: "test/1",
          retry: { baseDelayMs: 1 },
          ...options,
          server: url,
          security: { authenticators, alternatives: [Object.keys(authenticators)] },
        }),
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

export function reply(
  status: number,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return (_, response) => {
    const type = typeof body === "string" ? "text/plain" : "application/json";
    response.writeHead(status, { "content-type": type, ...headers });
    response.end(typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body));
  };
}

/** An answer that never comes. */
export const silence: Answer = () => undefined;
