/** Answers that come bit by bit: server-sent events and lines of JSON. */

import type { ApiCall, Client } from "./client.js";
import type { ApiError } from "./errors.js";
import { ApiPromise } from "./promise.js";

/** A server-sent event (WHATWG HTML, section 9.2). */
export interface ServerSentEvent<Data> {
  readonly event: string;
  readonly data: Data;
  readonly id: string | undefined;
}

/** A stream of items, to be read once. Leaving the loop ends the connection. */
export class Stream<Item> implements AsyncIterable<Item> {
  readonly #items: AsyncGenerator<Item, void, undefined>;

  constructor(items: AsyncGenerator<Item, void, undefined>) {
    this.#items = items;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    return this.#items;
  }

  /** Ends the connection. */
  async cancel(): Promise<void> {
    await this.#items.return();
  }
}

/** A stream that is being opened: iterate over it, or await it to know that it is open. */
export class StreamPromise<Item, Failure = ApiError>
  extends ApiPromise<Stream<Item>, Failure>
  implements AsyncIterable<Item>
{
  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    yield* await this;
  }
}

/** A call that answers with server-sent events; the items are their data, parsed if it is JSON. */
export function eventStream<Item, Failure>(
  client: Client,
  call: ApiCall,
): StreamPromise<Item, Failure> {
  return open(client, { accept: "text/event-stream", ...call }, async function* (response) {
    for await (const { data } of serverSentEvents(response)) {
      if (data === "[DONE]") return;
      yield parsed(data);
    }
  });
}

/** A call that answers with a JSON value in each line. */
export function jsonLines<Item, Failure>(
  client: Client,
  call: ApiCall,
): StreamPromise<Item, Failure> {
  return open(client, { accept: "application/x-ndjson", ...call }, async function* (response) {
    for await (const line of lines(response)) {
      // RFC 7464 begins each text with a record separator.
      const text = line.replace("\u001e", "").trim();
      if (text !== "") yield JSON.parse(text) as unknown;
    }
  });
}

function open<Item, Failure>(
  client: Client,
  call: ApiCall,
  read: (response: Response) => AsyncGenerator<unknown, void, undefined>,
): StreamPromise<Item, Failure> {
  const exchange = client.exchange<Stream<Item>>(call);
  async function* items(response: Response): AsyncGenerator<Item, void, undefined> {
    for await (const item of read(response)) yield (await exchange.check(item)) as Item;
  }
  return new StreamPromise<Item, Failure>({
    ...exchange,
    parse: (response) => Promise.resolve(new Stream(items(response))),
  });
}

/** The events of a response, with their names and ids. */
export async function* serverSentEvents(
  response: Response,
): AsyncGenerator<ServerSentEvent<string>, void, undefined> {
  let event = "message";
  let id: string | undefined;
  let data: string[] = [];
  for await (const line of lines(response)) {
    if (line === "") {
      if (data.length > 0) yield { event, data: data.join("\n"), id };
      event = "message";
      data = [];
      continue;
    }
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data.push(value);
    else if (field === "event") event = value;
    else if (field === "id") id = value;
  }
}

/** Lines, however the network cuts them; they end with CR, LF or both. */
async function* lines(response: Response): AsyncGenerator<string, void, undefined> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += decoder.decode(value, { stream: !done });
      // A CR at the very end may be the first half of a CRLF.
      const complete = done || !rest.endsWith("\r") ? rest : rest.slice(0, -1);
      const parts = complete.split(/\r\n|\n|\r/);
      rest = (parts.pop() ?? "") + rest.slice(complete.length);
      yield* parts;
      if (done) break;
    }
    if (rest !== "") yield rest;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data) as unknown;
  } catch {
    return data;
  }
}
