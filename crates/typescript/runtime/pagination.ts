/** Lists that come in pages: awaited it is the first page, iterated it is every item of all pages. */

import type { ApiCall, Client } from "./client.js";
import type { ApiError } from "./errors.js";
import { ApiPromise } from "./promise.js";

/** What is asked for with a page, in the query or in the body. */
type Asked = Readonly<Record<string, unknown>>;

/** How an operation gives its pages. Names with dots lead into objects; "" is the body itself. */
export interface Pages {
  /** Where the items of a page are. */
  readonly items: string;
  /** Where a page is asked for; the query unless told otherwise. */
  readonly place?: "body" | undefined;
  /** What to change there for the next page; `undefined` after the last one. */
  readonly next: (page: {
    readonly body: unknown;
    readonly items: readonly unknown[];
    readonly headers: Headers;
    readonly query: Asked;
  }) => Asked | undefined;
}

/** The page says where the next one begins. */
export function cursorPages(options: {
  readonly items: string;
  readonly place?: "body";
  readonly parameter: string;
  /** Where the page says it, or … */
  readonly next?: string;
  /** … the field of its last item that the next page begins after. */
  readonly last?: string;
  /** Where the page says whether there are more. */
  readonly more?: string;
}): Pages {
  return {
    items: options.items,
    place: options.place,
    next: ({ body, items }) => {
      if (options.more !== undefined && at(body, options.more) !== true) return undefined;
      const cursor =
        options.last === undefined ? at(body, options.next ?? "") : at(items.at(-1), options.last);
      return given(cursor) ? { [options.parameter]: cursor } : undefined;
    },
  };
}

/** Pages have numbers. */
export function numberedPages(options: {
  readonly items: string;
  readonly place?: "body";
  readonly parameter: string;
  /** The number of the first page; 1 unless told otherwise. */
  readonly first?: number;
  /** The parameter with the size of a page: one with fewer items is the last. */
  readonly size?: string;
  /** Where the page says how many pages there are. */
  readonly pages?: string;
}): Pages {
  return {
    items: options.items,
    place: options.place,
    next: ({ body, items, query }) => {
      const first = options.first ?? 1;
      const number = Number(query[options.parameter] ?? first);
      const pages = options.pages === undefined ? undefined : at(body, options.pages);
      if (typeof pages === "number" && number - first + 1 >= pages) return undefined;
      return isLast(items, query, options.size) ? undefined : { [options.parameter]: number + 1 };
    },
  };
}

/** Pages begin at a number of items. */
export function offsetPages(options: {
  readonly items: string;
  readonly place?: "body";
  readonly parameter: string;
  /** The parameter with the size of a page: one with fewer items is the last. */
  readonly size?: string;
  /** Where the page says how many items there are in all. */
  readonly total?: string;
}): Pages {
  return {
    items: options.items,
    place: options.place,
    next: ({ body, items, query }) => {
      const offset = Number(query[options.parameter] ?? 0) + items.length;
      const total = options.total === undefined ? undefined : at(body, options.total);
      if (typeof total === "number" && offset >= total) return undefined;
      return isLast(items, query, options.size) ? undefined : { [options.parameter]: offset };
    },
  };
}

/**
 * The page has a link to the next one, in its body or in the header `Link` (RFC 8288). Only the query of
 * the link is taken: a link must not lead credentials to another host.
 */
export function linkedPages(options: { readonly items: string; readonly next?: string }): Pages {
  return {
    items: options.items,
    next: ({ body, headers }) => {
      const link = options.next === undefined ? linkHeader(headers) : at(body, options.next);
      if (typeof link !== "string" || link === "") return undefined;
      const { searchParams } = new URL(link, "http://localhost");
      const query: Record<string, string | string[]> = {};
      for (const name of new Set(searchParams.keys())) {
        const values = searchParams.getAll(name);
        query[name] = values.length === 1 ? (values[0] ?? "") : values;
      }
      return Object.keys(query).length === 0 ? undefined : query;
    },
  };
}

/** The first page of a list, and a way through all of them. */
export class PagePromise<Page, Item, Failure = ApiError>
  extends ApiPromise<Page, Failure>
  implements AsyncIterable<Item>
{
  readonly #client: Client;
  readonly #call: PagedCall;

  constructor(client: Client, call: PagedCall) {
    super(client.exchange<Page>(call));
    this.#client = client;
    this.#call = call;
  }

  /** Page after page, each as the API gives it. The next one is asked for when it is needed. */
  async *pages(): AsyncGenerator<Page, void, undefined> {
    const { pages, body } = this.#call;
    const inBody = pages.place === "body" && body !== undefined;
    let asked = { ...(inBody ? (body.value as object) : this.#call.query) } as Asked;
    let current: ApiPromise<Page, Failure> = this;
    for (;;) {
      const { data, response } = await current.withResponse();
      yield data;
      const items = itemsOf(data, pages.items);
      const change = pages.next({ body: data, items, headers: response.headers, query: asked });
      // A page that leads to itself would never end.
      if (change === undefined || items.length === 0 || isSame(asked, change)) return;
      asked = { ...asked, ...change };
      const next = inBody ? { body: { ...body, value: asked } } : { query: asked };
      current = this.#client.request<Page, Failure>({ ...this.#call, ...next });
    }
  }

  /** Item after item of all pages. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for await (const page of this.pages()) yield* itemsOf(page, this.#call.pages.items) as Item[];
  }

  /** The items of all pages in one list, or the first `limit` of them. */
  async toArray(limit = Number.POSITIVE_INFINITY): Promise<Item[]> {
    const items: Item[] = [];
    if (limit <= 0) return items;
    for await (const item of this) {
      items.push(item);
      if (items.length >= limit) break;
    }
    return items;
  }
}

/** A call whose answer comes in pages. */
export interface PagedCall extends ApiCall {
  readonly pages: Pages;
}

/** Makes a call whose answer comes in pages. */
export function paginate<Page, Item, Failure>(
  client: Client,
  call: PagedCall,
): PagePromise<Page, Item, Failure> {
  return new PagePromise<Page, Item, Failure>(client, call);
}

function itemsOf(body: unknown, path: string): unknown[] {
  const items = at(body, path);
  return Array.isArray(items) ? (items as unknown[]) : [];
}

/** What stands where a path with dots leads; a name with a dot in it is found as well. */
function at(value: unknown, path: string): unknown {
  if (path === "") return value;
  if (typeof value !== "object" || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  if (path in fields) return fields[path];
  const [head = "", ...rest] = path.split(".");
  return rest.length === 0 ? undefined : at(fields[head], rest.join("."));
}

function given(cursor: unknown): boolean {
  return cursor !== undefined && cursor !== null && cursor !== "" && cursor !== false;
}

function isLast(
  items: readonly unknown[],
  query: Readonly<Record<string, unknown>>,
  size: string | undefined,
): boolean {
  const asked = size === undefined ? undefined : query[size];
  return items.length === 0 || (asked !== undefined && items.length < Number(asked));
}

function isSame(
  query: Readonly<Record<string, unknown>>,
  change: Readonly<Record<string, unknown>>,
): boolean {
  return Object.entries(change).every(
    ([name, value]) => JSON.stringify(query[name]) === JSON.stringify(value),
  );
}

function linkHeader(headers: Headers): string | undefined {
  const links = headers.get("link") ?? "";
  for (const [, url, parameters] of links.matchAll(/<([^>]*)>([^<]*)/g)) {
    if (/;\s*rel="?(?:[^";]*\s)?next(?:\s[^";]*)?"?/i.test(parameters ?? "")) return url;
  }
  return undefined;
}
