/** What can go wrong with a request. Everything that a client throws extends `RequestError`. */

/** The request that failed, as it is safe to log: without headers, body and credentials. */
export interface FailedRequest {
  readonly method: string;
  readonly url: string;
}

/** A request that gave no usable answer. */
export class RequestError extends Error {
  override readonly name: string = "RequestError";
  readonly request: FailedRequest;

  constructor(message: string, request: FailedRequest, options?: ErrorOptions) {
    super(message, options);
    this.request = request;
  }
}

/** No answer came: the name did not resolve, the connection broke, TLS failed. */
export class ConnectionError extends RequestError {
  override readonly name: string = "ConnectionError";
}

/** No answer came in time. */
export class TimeoutError extends ConnectionError {
  override readonly name: string = "TimeoutError";
}

/** The caller's `AbortSignal` ended the request. */
export class AbortError extends RequestError {
  override readonly name: string = "AbortError";
}

/** An answer came and is not what its content type says, or not what the schema says. */
export class ResponseFormatError extends RequestError {
  override readonly name: string = "ResponseFormatError";
  readonly response: Response;

  constructor(message: string, request: FailedRequest, response: Response, options?: ErrorOptions) {
    super(message, request, options);
    this.response = response;
  }
}

/** Where a value is not what the API's description says, and why. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Which part of a call was checked: what is sent, or the `data` that came back. */
export type CheckedPart = "query" | "headers" | "cookies" | "body" | "data";

/** What was sent, or what came back, is not what the API's description says. */
export class SchemaError extends RequestError {
  override readonly name: string = "SchemaError";
  readonly part: CheckedPart;
  readonly issues: readonly SchemaIssue[];

  constructor(part: CheckedPart, issues: readonly SchemaIssue[], request: FailedRequest) {
    const told = issues.slice(0, 3).map((issue) => issueText(part, issue));
    const more = issues.length > 3 ? `; and ${issues.length - 3} more` : "";
    super(`${request.method} ${request.url}: ${told.join("; ")}${more}`, request);
    this.part = part;
    this.issues = issues;
  }
}

function issueText(part: CheckedPart, { path = [], message }: SchemaIssue): string {
  const keys = path.map((each) => (typeof each === "object" ? each.key : each));
  return `${[part, ...keys].map(String).join(".")}: ${message}`;
}

/** An answer came and its status says that the request failed. */
export class ApiError<Status extends number = number, Body = unknown> extends RequestError {
  override readonly name: string = "ApiError";
  readonly status: Status;
  /** The body as the content type says: JSON is parsed, text is a string, anything else a Blob. */
  readonly body: Body;
  readonly headers: Headers;
  /** What the service calls this request, when it says so; quote it to its support. */
  readonly requestId: string | undefined;

  constructor(request: FailedRequest, response: Response, body: Body) {
    super(describe(request, response, body), request);
    this.status = response.status as Status;
    this.body = body;
    this.headers = response.headers;
    this.requestId =
      response.headers.get("x-request-id") ?? response.headers.get("request-id") ?? undefined;
  }
}

/** 400 */
export class BadRequestError<Body = unknown> extends ApiError<400, Body> {
  override readonly name: string = "BadRequestError";
}

/** 401 */
export class UnauthorizedError<Body = unknown> extends ApiError<401, Body> {
  override readonly name: string = "UnauthorizedError";
}

/** 403 */
export class ForbiddenError<Body = unknown> extends ApiError<403, Body> {
  override readonly name: string = "ForbiddenError";
}

/** 404 */
export class NotFoundError<Body = unknown> extends ApiError<404, Body> {
  override readonly name: string = "NotFoundError";
}

/** 409 */
export class ConflictError<Body = unknown> extends ApiError<409, Body> {
  override readonly name: string = "ConflictError";
}

/** 422 */
export class UnprocessableEntityError<Body = unknown> extends ApiError<422, Body> {
  override readonly name: string = "UnprocessableEntityError";
}

/** 429 */
export class RateLimitError<Body = unknown> extends ApiError<429, Body> {
  override readonly name: string = "RateLimitError";
}

/** 500 */
export class InternalServerError<Body = unknown> extends ApiError<500, Body> {
  override readonly name: string = "InternalServerError";
}

type ApiErrorClass = new (request: FailedRequest, response: Response, body: unknown) => ApiError;

const CLASSES: ReadonlyMap<number, ApiErrorClass> = new Map<number, ApiErrorClass>([
  [400, BadRequestError],
  [401, UnauthorizedError],
  [403, ForbiddenError],
  [404, NotFoundError],
  [409, ConflictError],
  [422, UnprocessableEntityError],
  [429, RateLimitError],
  [500, InternalServerError],
]);

/** The error for a response whose status is no success. */
export function apiError(request: FailedRequest, response: Response, body: unknown): ApiError {
  const Class = CLASSES.get(response.status) ?? ApiError;
  return new Class(request, response, body);
}

function describe(request: FailedRequest, response: Response, body: unknown): string {
  const said = reason(body) ?? response.statusText;
  const head = `${request.method} ${request.url}: ${response.status}`;
  return said === "" ? head : `${head} ${said}`;
}

/** The sentence that most services put somewhere in the body of an error. */
function reason(body: unknown): string | undefined {
  if (typeof body === "string") return body.length <= 200 ? body : `${body.slice(0, 200)}…`;
  if (typeof body !== "object" || body === null) return undefined;
  const fields = body as Readonly<Record<string, unknown>>;
  for (const name of ["message", "detail", "error_description", "title", "error", "errors"]) {
    const value = fields[name];
    const first: unknown = Array.isArray(value) ? value[0] : value;
    const said = first === body ? undefined : reason(first);
    if (said !== undefined && said !== "") return said;
  }
  return undefined;
}
