/** Runs the mock behind a real HTTP server, and calls operations against it. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";

import { routes } from "../src/mock.js";
import { type MockAnswer, mock, type MockRoute } from "../src/runtime/mock.js";
import type { RequestOptions } from "../src/runtime/client.js";

const handler = mock(routes);

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const headers = new Headers(Object.entries(request.headersDistinct).flatMap(pairs));
    const body = chunks.length === 0 ? {} : { body: Buffer.concat(chunks) };
    const { method = "GET", url = "/" } = request;
    void handler
      .fetch(`http://localhost${url}`, { method, headers, ...body })
      .then(async (answer) => {
        response.writeHead(answer.status, Object.fromEntries(answer.headers));
        response.end(Buffer.from(await answer.arrayBuffer()));
      });
  });
});

function pairs([name, values]: [string, string[] | undefined]): [string, string][] {
  return (values ?? []).map((value) => [name, value]);
}

before(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
after(() => {
  server.closeAllConnections();
  server.close();
});

/** Options of a client that talks to the mock. */
export function local(): { readonly baseUrl: string; readonly retry: { readonly maxRetries: 0 } } {
  const { port } = server.address() as AddressInfo;
  return { baseUrl: `http://127.0.0.1:${port}`, retry: { maxRetries: 0 } };
}

/** Calls an operation and expects what the mock answers. */
export function roundTrip(
  route: string,
  call: (options: RequestOptions) => PromiseLike<unknown>,
): void {
  test(route, async () => {
    const data = await call({ headers: { "x-mock-route": route } });
    const known = find(route);
    assert.deepEqual(await plain(data), wanted(known?.method, known?.answers[0]));
  });
}

/** Calls an operation that streams and expects one item. */
export function streamTrip(
  route: string,
  call: (options: RequestOptions) => AsyncIterable<unknown>,
): void {
  test(`${route} as a stream`, async () => {
    const items = await gathered(call({ headers: { "x-mock-route": route } }));
    assert.deepEqual(items, [find(route)?.answers.at(-1)?.body]);
  });
}

function find(route: string): MockRoute | undefined {
  return routes.find(({ method, path }) => `${method} ${path}` === route);
}

async function gathered(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const items: unknown[] = [];
  for await (const item of stream) items.push(plain(item));
  return items;
}

/** Data as it was on the wire: text of a file, dates as the texts that they were made of. */
function plain(data: unknown): unknown {
  if (data instanceof Blob) return data.text();
  if (data instanceof Date) return data.toISOString().replace("T00:00:00.000Z", "");
  if (Array.isArray(data)) return data.map(plain);
  if (typeof data !== "object" || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([name, each]) => [name, plain(each)]));
}

function wanted(method: string | undefined, answer: MockAnswer | undefined): unknown {
  const empty = method === "HEAD" || answer?.status === 204 || answer?.status === 205;
  return empty ? undefined : answer?.body;
}
