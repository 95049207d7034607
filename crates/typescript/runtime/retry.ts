/** When a request is made again, and how long to wait before. */

/** How failed requests are made again. */
export interface RetryPolicy {
  /** How often at most, after the first time. Default 2. */
  readonly maxRetries?: number | undefined;
  /** The wait before the first retry, in milliseconds; it doubles each time. Default 500. */
  readonly baseDelayMs?: number | undefined;
  /** The longest wait, in milliseconds, whatever the service asks for. Default 30,000. */
  readonly maxDelayMs?: number | undefined;
}

/** Methods that may be done twice without harm (RFC 9110, section 9.2.2, and QUERY). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"]);

/** Statuses that can pass by themselves. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Whether doing a request twice does no harm: by its method, or because it carries a key. */
export function isSafeToRepeat(method: string, headers: Headers): boolean {
  return IDEMPOTENT.has(method) || headers.has("idempotency-key");
}

/** Whether an answer is worth another try. 429 says that nothing was done, so it always is. */
export function isWorthRepeating(status: number, safe: boolean): boolean {
  return status === 429 || (safe && PASSING.has(status));
}

/**
 * How long to wait, in milliseconds: what the service asks for (`Retry-After`, RFC 9110, section 10.2.3),
 * else exponential backoff with full jitter, so that clients that failed together do not come back together.
 * `undefined` when the service asks for more than the policy allows: then waiting is not worth it.
 */
export function delayMs(
  attempt: number,
  headers: Headers | undefined,
  policy: RetryPolicy,
  now: number = Date.now(),
): number | undefined {
  const longest = policy.maxDelayMs ?? 30_000;
  const asked = headers === undefined ? undefined : retryAfterMs(headers, now);
  if (asked !== undefined) return asked <= longest ? asked : undefined;
  const ceiling = Math.min(longest, (policy.baseDelayMs ?? 500) * 2 ** attempt);
  return ceiling * (0.5 + Math.random() / 2);
}

/** What `Retry-After` (seconds or a date) or `Retry-After-Ms` ask for. */
export function retryAfterMs(headers: Headers, now: number): number | undefined {
  const milliseconds = Number(headers.get("retry-after-ms") ?? Number.NaN);
  if (milliseconds >= 0) return milliseconds;
  const value = headers.get("retry-after");
  if (value === null || value.trim() === "") return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Waits, or rejects with the reason of the signal as soon as it is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
