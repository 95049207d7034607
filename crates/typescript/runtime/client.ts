/** Sends requests: credentials, timeouts, retries, hooks, errors. Knows nothing of any one API. */

import { addCookie, type Authenticator, type Authenticators, choose } from "./auth.js";
import type { Body, Content } from "./body.js";
import {
  AbortError,
  ApiError,
  apiError,
  type CheckedPart,
  ConnectionError,
  type FailedRequest,
  type SchemaIssue,
  RequestError,
  ResponseFormatError,
  TimeoutError,
  SchemaError,
} from "./errors.js";
import { ApiPromise, type Exchange } from "./promise.js";
import { delayMs, isSafeToRepeat, isWorthRepeating, type RetryPolicy, sleep } from "./retry.js";
import { headerValue, join, queryString, type QueryStyle } from "./url.js";

/** Headers by name; `undefined` takes away what would be sent otherwise. */
export type HeaderValues = Readonly<Record<string, string | undefined>>;

/** Functions that see every request, in the order of their list. */
export interface Hooks {
  /** Before each attempt; may give another request to send instead. */
  onRequest?(request: Request): Request | void | Promise<Request | void>;
  /** After each answer, failures too; may give another response instead. */
  onResponse?(response: Response, request: Request): Response | void | Promise<Response | void>;
  /** Before the wait for another attempt. `reason` is a status or what broke. */
  onRetry?(retry: {
    readonly request: FailedRequest;
    readonly attempt: number;
    readonly delayMs: number;
    readonly reason: number | Error;
  }): void;
  /** Once for each call that failed in the end. */
  onError?(error: RequestError): void;
  /**
   * When a value is not what the API's description says, in packages that check values. With this hook the
   * call goes on with the value as it is; without it, or when the hook throws, the call fails.
   */
  onInvalid?(error: SchemaError): void;
}

/** What checks a value and may give another for it: Standard Schema (https://standardschema.dev). */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Checked<Output> | Promise<Checked<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What became of a check. */
export type Checked<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** What all calls of a client have in common. */
export interface ClientOptions {
  /** Where the API is. */
  readonly baseUrl?: string | undefined;
  /** Headers of every request. */
  readonly headers?: HeaderValues | undefined;
  /** How long one attempt may take, in milliseconds: to the head of the answer, and again to the end of its body. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** How failed requests are made again. */
  readonly retry?: RetryPolicy | undefined;
  readonly hooks?: Hooks | readonly Hooks[] | undefined;
  /** What sends requests; the global `fetch` unless told otherwise. */
  readonly fetch?: typeof fetch | undefined;
}

/** What one call may do differently. */
export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  readonly retry?: RetryPolicy | undefined;
  readonly headers?: HeaderValues | undefined;
  /** Parameters of the query that the API's description does not know. */
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  readonly baseUrl?: string | undefined;
  /** Sent as `Idempotency-Key`; makes a call safe to retry that is not safe by its method. */
  readonly idempotencyKey?: string | undefined;
}

/** How an API wants its callers to prove who they are. */
export interface Security {
  readonly authenticators: Authenticators;
  /** Alternatives for operations that say nothing else: names that are needed together. */
  readonly alternatives: readonly (readonly string[])[];
}

/** A client's options, filled in. */
export interface ClientConfig extends ClientOptions {
  /** Where the API is unless `baseUrl` says otherwise. */
  readonly server: string;
  readonly security: Security;
  /** Sent as `User-Agent`, where there is no browser that has its own. */
  readonly userAgent: string;
}

/** One call of an operation. */
export interface ApiCall {
  readonly method: string;
  /** The path with its parameters filled in; see `path` in `url.ts`. */
  readonly path: string;
  readonly query?: object | undefined;
  /** How parameters of the query are written that are not written as usual. */
  readonly styles?: Readonly<Record<string, QueryStyle>> | undefined;
  readonly headers?: object | undefined;
  readonly cookies?: object | undefined;
  readonly body?: Body | undefined;
  /** What is asked for; JSON unless told otherwise. */
  readonly accept?: string | undefined;
  /** How the body is read when it is no JSON by its content type. */
  readonly as?: "text" | "blob" | undefined;
  /** Statuses that the API documents as failures: 404, 4 for all of 4xx, 0 for all. */
  readonly errors?: readonly number[] | undefined;
  /** Alternatives of credentials, if not those of the client. */
  readonly security?: readonly (readonly string[])[] | undefined;
  /** Where this operation is unless a `baseUrl` says otherwise, if not where the others are. */
  readonly server?: string | undefined;
  /** The header that carries an idempotency key, if the operation takes one. */
  readonly idempotencyHeader?: string | undefined;
  /** What the parts of the call are checked with, and changed by; `data` is what comes back. */
  readonly schemas?: { readonly [Part in CheckedPart]?: StandardSchema } | undefined;
  /** What changes the bodies of failures, by status as in `errors`. A body that does not fit stays as it is. */
  readonly failures?: Readonly<Record<number, StandardSchema>> | undefined;
  readonly options?: RequestOptions | undefined;
}

/** A call that is ready to be sent, as often as needed. */
interface PreparedCall extends ApiCall {
  readonly content: Content | undefined;
}

/** A client of an API. The resources of the package are made with one. */
export class Client {
  readonly #config: ClientConfig;
  readonly #hooks: readonly Hooks[];

  constructor(config: ClientConfig) {
    this.#config = config;
    this.#hooks = config.hooks === undefined ? [] : [config.hooks].flat();
  }

  /** Makes a call, also one that the API's description does not know. */
  request<Data = unknown, Failure = ApiError>(call: ApiCall): ApiPromise<Data, Failure> {
    return new ApiPromise<Data, Failure>(this.exchange<Data>(call));
  }

  /** Begins a call and leaves the reading of its answer to the caller. */
  exchange<Data>(call: ApiCall): Exchange<Data> {
    const timeoutMs = call.options?.timeoutMs ?? this.#config.timeoutMs ?? 60_000;
    const response = this.#send(call, timeoutMs);
    // Whoever asks for the answer hears of a failure; that nobody asks must not end the process.
    response.catch(() => undefined);
    return {
      response,
      parse: async (answer) =>
        (await this.#checked(call, "data", await parse(call, answer, timeoutMs))) as Data,
      check: (data) => this.#checked(call, "data", data),
      isDocumented: (error) => error instanceof ApiError && isDocumented(error.status, call.errors),
    };
  }

  /** A value as it goes on: as its schema gives it, or as it is where there is none or a hook lets it pass. */
  async #checked(call: ApiCall, part: CheckedPart, value: unknown): Promise<unknown> {
    const schema = call.schemas?.[part];
    if (schema === undefined || value === undefined) return value;
    const checked = await schema["~standard"].validate(value);
    if (checked.issues === undefined) return checked.value;
    const failed = { method: call.method, url: call.path };
    const error = new SchemaError(part, checked.issues, failed);
    const hooks = this.#hooks.filter(({ onInvalid }) => onInvalid !== undefined);
    if (hooks.length === 0) {
      this.#report(error);
      throw error;
    }
    for (const each of hooks) each.onInvalid?.(error);
    return value;
  }

  /** A call whose parts are checked, with its body written. */
  async #prepared(call: ApiCall): Promise<PreparedCall> {
    const { body } = call;
    const value = await this.#checked(call, "body", body?.value);
    return {
      ...call,
      query: (await this.#checked(call, "query", call.query)) as object | undefined,
      headers: (await this.#checked(call, "headers", call.headers)) as object | undefined,
      cookies: (await this.#checked(call, "cookies", call.cookies)) as object | undefined,
      content: body?.write(value),
    };
  }

  async #send(given: ApiCall, timeoutMs: number): Promise<Response> {
    const call = await this.#prepared(given);
    const policy = { ...this.#config.retry, ...call.options?.retry };
    const { signal } = call.options ?? {};
    const key = idempotencyKey(call);
    let renewed = false;
    for (let attempt = 0; ; attempt++) {
      const proven = choose(
        this.#config.security.authenticators,
        call.security ?? this.#config.security.alternatives,
      );
      const request = await this.#build(call, key, proven);
      const outcome = await this.#attempt(request, timeoutMs, signal);
      const failed = { method: request.method, url: request.url };
      if (outcome instanceof Response) {
        if (outcome.ok) return outcome;
        const repeatable = call.content?.repeatable !== false;
        if (outcome.status === 401 && !renewed && repeatable && renew(proven)) {
          renewed = true;
          attempt--;
          await outcome.body?.cancel();
          continue;
        }
      }
      const delay = retryDelay(call, request, outcome, attempt, policy);
      if (delay === undefined) throw await this.#failure(call, failed, outcome, timeoutMs);
      const reason = outcome instanceof Response ? outcome.status : outcome;
      if (outcome instanceof Response) await outcome.body?.cancel();
      for (const hooks of this.#hooks) {
        hooks.onRetry?.({ request: failed, attempt: attempt + 1, delayMs: delay, reason });
      }
      await sleep(delay, signal).catch((cause: unknown) => {
        throw new AbortError("The request was aborted.", failed, { cause });
      });
    }
  }

  async #build(
    call: PreparedCall,
    key: string | undefined,
    proven: readonly Authenticator[],
  ): Promise<Request> {
    const { options, content: body } = call;
    const headers = new Headers({ accept: call.accept ?? "application/json" });
    if (!("window" in globalThis)) headers.set("user-agent", this.#config.userAgent);
    if (body?.contentType !== undefined) headers.set("content-type", body.contentType);
    if (key !== undefined) headers.set(call.idempotencyHeader ?? "idempotency-key", key);
    for (const [name, value] of Object.entries(call.headers ?? {}) as [string, unknown][]) {
      if (value !== undefined) headers.set(name, headerValue(value));
    }
    for (const [name, value] of Object.entries(call.cookies ?? {}) as [string, unknown][]) {
      if (value !== undefined) addCookie(headers, name, headerValue(value));
    }
    const query: Record<string, unknown> = { ...call.query, ...options?.query };
    for (const authenticator of proven) await authenticator.prove({ headers, query });
    for (const values of [this.#config.headers, options?.headers]) {
      for (const [name, value] of Object.entries(values ?? {})) {
        if (value === undefined) headers.delete(name);
        else headers.set(name, value);
      }
    }
    const given = options?.baseUrl ?? this.#config.baseUrl;
    const base = given ?? call.server ?? this.#config.server;
    return new Request(withQuery(join(base, call.path), queryString(query, call.styles)), {
      method: call.method,
      headers,
      ...(body === undefined ? {} : { body: body.content, duplex: "half" }),
    } as RequestInit);
  }

  /** One attempt: an answer of any status, or why there was none. */
  async #attempt(
    built: Request,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Response | ConnectionError> {
    let request = built;
    for (const hooks of this.#hooks) request = (await hooks.onRequest?.(request)) ?? request;
    const failed = { method: request.method, url: request.url };
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    try {
      const either =
        signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]);
      let response = await (this.#config.fetch ?? fetch)(request, { signal: either });
      for (const hooks of this.#hooks) {
        response = (await hooks.onResponse?.(response, request)) ?? response;
      }
      return response;
    } catch (cause) {
      if (signal?.aborted === true) {
        const error = new AbortError("The request was aborted.", failed, { cause });
        this.#report(error);
        throw error;
      }
      if (deadline.signal.aborted) {
        const message = `${failed.method} ${failed.url}: no answer within ${timeoutMs} ms`;
        return new TimeoutError(message, failed, { cause });
      }
      return new ConnectionError(`${failed.method} ${failed.url}: ${why(cause)}`, failed, {
        cause,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async #failure(
    call: ApiCall,
    failed: FailedRequest,
    outcome: Response | ConnectionError,
    timeoutMs: number,
  ): Promise<RequestError> {
    const error =
      outcome instanceof Response
        ? apiError(failed, outcome, await within(timeoutMs, outcome, failureBody(call, outcome)))
        : outcome;
    this.#report(error);
    return error;
  }

  #report(error: RequestError): void {
    for (const hooks of this.#hooks) hooks.onError?.(error);
  }
}

/** The key of a call: the caller's, or a new one where the API takes one and the method alone is not safe. */
function idempotencyKey(call: ApiCall): string | undefined {
  const given = call.options?.idempotencyKey;
  if (given !== undefined || call.idempotencyHeader === undefined) return given;
  const headers = { ...call.headers } as Readonly<Record<string, unknown>>;
  return headers[call.idempotencyHeader] === undefined ? crypto.randomUUID() : undefined;
}

/** Whether any of the credentials can be renewed. */
function renew(proven: readonly Authenticator[]): boolean {
  return proven.map((each) => each.refused?.() === true).includes(true);
}

function retryDelay(
  call: PreparedCall,
  request: Request,
  outcome: Response | ConnectionError,
  attempt: number,
  policy: RetryPolicy,
): number | undefined {
  if (attempt >= (policy.maxRetries ?? 2) || call.content?.repeatable === false) return undefined;
  const keyed = call.idempotencyHeader !== undefined && request.headers.has(call.idempotencyHeader);
  const safe = keyed || isSafeToRepeat(request.method, request.headers);
  if (!(outcome instanceof Response)) return safe ? delayMs(attempt, undefined, policy) : undefined;
  return isWorthRepeating(outcome.status, safe)
    ? delayMs(attempt, outcome.headers, policy)
    : undefined;
}

function isDocumented(status: number, errors: readonly number[] = []): boolean {
  return errors.some((each) => each === 0 || each === status || each === Math.floor(status / 100));
}

async function parse(call: ApiCall, response: Response, timeoutMs: number): Promise<unknown> {
  const failed = { method: call.method, url: response.url };
  try {
    return await within(timeoutMs, response, body(call, response));
  } catch (cause) {
    if (cause instanceof TimeoutError) throw cause;
    const message = `${failed.method} ${failed.url}: ${why(cause)}`;
    throw new ResponseFormatError(message, failed, response, { cause });
  }
}

/** The body by what the response says it is, and by what was expected where it says nothing. */
async function body(call: ApiCall, response: Response): Promise<unknown> {
  if (call.method === "HEAD" || response.status === 204 || response.status === 205) {
    return undefined;
  }
  const type = contentType(response);
  if (call.as === "blob") return response.blob();
  if (isJson(type)) return parseJson(await response.text());
  if (call.as === "text") return response.text();
  if (type !== "" && !isText(type)) return response.blob();
  // JSON that is served as plain text is common; text that is not JSON stays what it is.
  const content = await response.text();
  try {
    return parseJson(content);
  } catch {
    return content;
  }
}

async function failureBody(call: ApiCall, response: Response): Promise<unknown> {
  const content = await errorBody(response);
  const { failures = {} } = call;
  const { status } = response;
  const schema = failures[status] ?? failures[Math.floor(status / 100)] ?? failures[0];
  const checked = await schema?.["~standard"].validate(content);
  return checked === undefined || checked.issues !== undefined ? content : checked.value;
}

async function errorBody(response: Response): Promise<unknown> {
  const type = contentType(response);
  if (type !== "" && !isJson(type) && !isText(type)) return response.blob();
  const content = await response.text();
  try {
    return parseJson(content);
  } catch {
    return content;
  }
}

function parseJson(content: string): unknown {
  return content === "" ? undefined : (JSON.parse(content) as unknown);
}

function contentType(response: Response): string {
  return (response.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

function isJson(type: string): boolean {
  return type.endsWith("/json") || type.endsWith("+json");
}

function isText(type: string): boolean {
  return type.startsWith("text/") || /[/+](?:xml|yaml|x-yaml|javascript|graphql)$/.test(type);
}

/** Reads a body within a time; a service that stops in the middle is not waited for. */
async function within<Data>(ms: number, response: Response, read: Promise<Data>): Promise<Data> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const failed = { method: "", url: response.url };
      reject(new TimeoutError(`${response.url}: its body did not end within ${ms} ms`, failed));
    }, ms);
  });
  try {
    return await Promise.race([read, late]);
  } finally {
    clearTimeout(timer);
  }
}

function withQuery(url: string, query: string): string {
  if (query === "") return url;
  return url.includes("?") ? `${url}&${query.slice(1)}` : `${url}${query}`;
}

/** What broke, in words; `fetch` hides it in the cause. */
function why(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
