/** Keeps within what a service allows, instead of being refused. */

import { sleep } from "./retry.js";

/** What is allowed. */
export interface RateLimit {
  /** Requests in each period. */
  readonly requests?: number;
  /** The length of a period, in milliseconds. Default 1,000. */
  readonly periodMs?: number;
  /** Requests at the same time. */
  readonly concurrency?: number;
}

/** A `fetch` that waits for its turn: `new Client({ fetch: rateLimited({ requests: 10 }) })`. */
export function rateLimited(limit: RateLimit, send: typeof fetch = fetch): typeof fetch {
  const period = limit.periodMs ?? 1000;
  const most = limit.requests ?? Number.POSITIVE_INFINITY;
  const concurrency = limit.concurrency ?? Number.POSITIVE_INFINITY;
  const begun: number[] = [];
  const waiting: (() => void)[] = [];
  let running = 0;
  let turn: Promise<void> = Promise.resolve();

  const enter = async (signal: AbortSignal | undefined): Promise<void> => {
    if (running >= concurrency) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      turn = turn.catch(() => undefined).then(() => pace(signal));
      await turn;
    } catch (error) {
      leave();
      throw error;
    }
  };
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  };
  const pace = async (signal: AbortSignal | undefined): Promise<void> => {
    signal?.throwIfAborted();
    const oldest = begun.length >= most ? begun.shift() : undefined;
    const wait = oldest === undefined ? 0 : oldest + period - Date.now();
    if (wait > 0) await sleep(wait, signal);
    if (Number.isFinite(most)) begun.push(Date.now());
  };

  return async (input, init) => {
    await enter(init?.signal ?? undefined);
    try {
      return await send(input, init);
    } finally {
      leave();
    }
  };
}
