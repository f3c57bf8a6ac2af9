/** What calls of providers that fail have in common: how long to wait, what the network says, what was refused. */
import { PermanentError } from './errors.ts';

const SHORTEST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 24 * 60 * 60 * 1_000;

/** A pause that a provider names, in milliseconds, within what makes sense. */
export function boundedPause(milliseconds: number): number {
  return Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, Math.ceil(milliseconds)));
}

/** `Retry-After` in seconds or as an HTTP date, in milliseconds; undefined when absent or unreadable. */
export function retryAfterMs(header: string | null | undefined, now: number): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  const milliseconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isNaN(milliseconds) ? undefined : boundedPause(milliseconds);
}

/** Half of it to all of it: what failed together does not come back together. `random`: 0 to 1. */
export function jittered(milliseconds: number, random: () => number): number {
  return milliseconds * (0.5 + random() / 2);
}

/** The system's code (`ECONNREFUSED`, `ECONNRESET`) at the bottom of a chain of causes. Messages may hold an address with a name or a query in it. */
export function networkCode(error: unknown): string | undefined {
  let found: string | undefined;
  for (let current = error, depth = 0; typeof current === 'object' && current !== null && depth < 5; depth += 1) {
    const code: unknown = Reflect.get(current, 'code');
    if (typeof code === 'string' && /^\w{1,50}$/.test(code)) found = code;
    current = Reflect.get(current, 'cause');
  }
  return found;
}

/** Undefined for what is no refusal of a provider's. */
export function refusalOf(error: unknown): { status: number; reason: string } | undefined {
  if (!(error instanceof PermanentError)) return undefined;
  const { status, reason } = error.details ?? {};
  return typeof status === 'number' ? { status, reason: String(reason) } : undefined;
}
