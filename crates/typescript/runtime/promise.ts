/** The answer to a request: awaited it is the parsed body; it can be looked at more closely too. */

import type { ApiError } from "./errors.js";

/** A request under way: its response, how to read it, and which failures the API documents. */
export interface Exchange<Data> {
  readonly response: Promise<Response>;
  readonly parse: (response: Response) => Promise<Data>;
  /** Checks one item of an answer that comes bit by bit. */
  readonly check: (item: unknown) => Promise<unknown>;
  readonly isDocumented: (error: unknown) => boolean;
}

/** A parsed body with the response that it came in: status, headers, URL. */
export interface WithResponse<Data> {
  readonly data: Data;
  readonly response: Response;
}

/** Either the data, or one of the failures that the API documents. */
export type Result<Data, Failure> =
  | { readonly ok: true; readonly data: Data; readonly response: Response }
  | { readonly ok: false; readonly error: Failure };

/**
 * A promise of the parsed body. Nothing is parsed before somebody asks for it, so that
 * `asResponse()` gives a body that can still be streamed.
 */
export class ApiPromise<Data, Failure = ApiError> implements Promise<Data> {
  readonly [Symbol.toStringTag] = "ApiPromise";
  readonly #exchange: Exchange<Data>;
  #parsed: Promise<Data> | undefined;

  constructor(exchange: Exchange<Data>) {
    this.#exchange = exchange;
  }

  /** The response as `fetch` gave it, its body unread. Rejects as the promise itself does. */
  asResponse(): Promise<Response> {
    return this.#exchange.response;
  }

  /** The parsed body together with the response. */
  async withResponse(): Promise<WithResponse<Data>> {
    const data = await this.#data();
    return { data, response: await this.#exchange.response };
  }

  /**
   * The data or a documented failure as a value, to be told apart by `ok` and `error.status`.
   * Whatever the API does not document (no connection, other statuses) is still thrown.
   */
  async result(): Promise<Result<Data, Failure>> {
    try {
      return { ok: true, ...(await this.withResponse()) };
    } catch (error) {
      if (this.#exchange.isDocumented(error)) return { ok: false, error: error as Failure };
      throw error;
    }
  }

  then<Fulfilled = Data, Rejected = never>(
    onfulfilled?: ((value: Data) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onrejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    return this.#data().then(onfulfilled, onrejected);
  }

  catch<Rejected = never>(
    onrejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Data | Rejected> {
    return this.#data().catch(onrejected);
  }

  finally(onfinally?: (() => void) | null): Promise<Data> {
    return this.#data().finally(onfinally);
  }

  #data(): Promise<Data> {
    this.#parsed ??= this.#exchange.response.then(this.#exchange.parse);
    return this.#parsed;
  }
}
