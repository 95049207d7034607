/**
 * The one door to the server: same-origin cookies, the CSRF header on everything that changes something,
 * RFC 9457 problems as typed errors, cursor pages. Knows no endpoint by name; those are in queries.ts.
 */
import type { Page, Problem } from "./types";

const BASE = "/api/v1";

/** What the server answered when it refused, or that it could not be reached at all (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string;

  constructor(problem: { status: number; code: string; title: string; detail?: string }) {
    super(problem.title);
    this.name = "ApiError";
    this.status = problem.status;
    this.code = problem.code;
    this.detail = problem.detail ?? "";
  }
}

export type Query = Record<string, string | number | boolean | null | undefined>;

export type Call = {
  method?: string;
  query?: Query;
  body?: unknown;
  /** The server does the work once for each key, however often it is called. */
  idempotencyKey?: string;
  signal?: AbortSignal;
};

let csrfToken: string | null = null;

/** Remembered from the session answer; in memory only, so that no other page can read it. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** The address of an endpoint. Takes paths with or without the base, as `allowed_actions` may carry either. */
export function url(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.set(key, String(value));
  }
  const text = search.toString();
  const full = path.startsWith(`${BASE}/`) ? path : `${BASE}${path}`;
  return text ? `${full}?${text}` : full;
}

async function problemOf(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => ({}))) as Partial<Problem>;
  return new ApiError({
    status: response.status,
    code: body.code ?? `http_${String(response.status)}`,
    title: body.title ?? (response.statusText || "The server refused"),
    detail: body.detail,
  });
}

async function send(path: string, call: Call): Promise<Response> {
  const method = call.method ?? "GET";
  const headers: Record<string, string> = { accept: "application/json, text/plain, application/yaml" };
  if (call.body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && csrfToken) headers["x-csrf-token"] = csrfToken;
  if (call.idempotencyKey) headers["idempotency-key"] = call.idempotencyKey;
  let response: Response;
  try {
    response = await fetch(url(path, call.query), {
      method,
      headers,
      credentials: "same-origin",
      body: call.body === undefined ? undefined : JSON.stringify(call.body),
      signal: call.signal,
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError({
      status: 0,
      code: "unreachable",
      title: "The server cannot be reached",
      detail: "Check that Homeostat is running. This page tries again by itself.",
    });
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** Calls an endpoint and gives its JSON; throws ApiError. */
export async function request<T>(path: string, call: Call = {}): Promise<T> {
  const text = await requestText(path, call);
  return (text ? JSON.parse(text) : undefined) as T;
}

/** Calls an endpoint that answers with a text; throws ApiError. */
export const requestText = async (path: string, call: Call = {}): Promise<string> => (await send(path, call)).text();

/** For useInfiniteQuery: follows `next` until there is none. */
export function pages<T>(path: string, query: Query = {}) {
  return {
    queryFn: ({ pageParam, signal }: { pageParam: string | null; signal: AbortSignal }) =>
      request<Page<T>>(path, { query: { ...query, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (last: Page<T>) => last.next ?? undefined,
  };
}
