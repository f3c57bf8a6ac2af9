const RETRY_CAP_MS = 1_000;

/** 50, 100, 200 … 1,000 ms, for ever: a service outlives any outage of its Redis or Postgres. */
export function retryDelay(attempt: number): number {
  return Math.min(RETRY_CAP_MS, 50 * 2 ** Math.min(attempt - 1, 10));
}
