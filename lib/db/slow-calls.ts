/** SQL functions that write tens of thousands of rows at once, all or none: seconds on a busy server. */
const SLOW = new Set(['save_conversation_analysis', 'record_mailbox', 'remove_connection', 'record_deal_step', 'remove_source']);
/** A shorter one makes the largest analyses fail at their very end; a longer one holds up a job whose database hangs. */
const SLOW_TIMEOUT_MS = 60_000;
const CALL = /\/rest\/v1\/rpc\/(\w+)$/;

/** Longest time for a call of this function, in milliseconds, where others get `timeoutMs`. */
export function timeoutOf(name: string, timeoutMs: number): number {
  return SLOW.has(name) ? Math.max(timeoutMs, SLOW_TIMEOUT_MS) : timeoutMs;
}

/** The function that a request calls; empty for other requests. */
export function calledFunction(url: string): string {
  return CALL.exec(new URL(url).pathname)?.[1] ?? '';
}
