/** Names of what Hivepulse keeps in the store. */
export const cancelKey = (queue: string, jobId: string): string => `cancel:${queue}:${jobId}`;
export const LAST_POLL_KEY = 'workers:last-poll';
/** A cancelled job is remembered as such for a week. */
export const CANCEL_TTL_MS = 7 * 24 * 60 * 60_000;
