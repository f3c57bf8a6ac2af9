import { boundedPause, retryAfterMs } from '../../provider-failure.ts';

/** What Google says of a call, or of one part of a batch, that did not succeed. */
export interface Failure {
  status: number;
  /** Google's own word, such as `userRateLimitExceeded`; `unknown` where the answer has none. */
  reason: string;
  /** Where Google named it, in a header or in its message. */
  retryAfterMs: number | undefined;
}

export type LimitNotice = Pick<Failure, 'reason' | 'retryAfterMs'>;

/** Of the Gmail API's guide "Resolve errors", and their newer spellings in `details` and `status`. */
const LIMITED = new Set([
  'rateLimitExceeded',
  'userRateLimitExceeded',
  'quotaExceeded',
  'dailyLimitExceeded',
  'RATE_LIMIT_EXCEEDED',
  'RESOURCE_EXHAUSTED',
]);

/** Reasons of a 403 that speak of the account or the project, not of one message. */
const ACCOUNT_WIDE = new Set([
  'insufficientPermissions',
  'ACCESS_TOKEN_SCOPE_INSUFFICIENT',
  'accessNotConfigured',
  'SERVICE_DISABLED',
  'domainPolicy',
]);

/** `body` as it came, or already parsed. */
export function readFailure(status: number, headers: { get(name: string): string | null }, body: unknown, now: number): Failure {
  const error = property(typeof body === 'string' ? parse(body) : body, 'error');
  const header = retryAfterMs(headers.get('retry-after'), now);
  return { status, reason: reasonOf(error), retryAfterMs: header ?? namedTime(property(error, 'message'), now) };
}

export const isLimited = ({ status, reason }: Failure): boolean => status === 429 || (status === 403 && LIMITED.has(reason));

/** A quota of the whole day is not back in a moment. */
export const isDailyLimit = ({ reason }: LimitNotice): boolean => reason === 'dailyLimitExceeded' || reason === 'quotaExceeded';

/** What passes by itself. */
export const mayPass = ({ status }: Failure): boolean => status === 408 || status >= 500;

export const isAccountWide = ({ status, reason }: Failure): boolean => status === 403 && ACCOUNT_WIDE.has(reason);

/** Gmail writes the time into its message: `User-rate limit exceeded.  Retry after 2026-11-22T08:00:00.000Z`. */
function namedTime(message: unknown, now: number): number | undefined {
  const [, time] = (typeof message === 'string' ? /retry after (\d{4}-[\dT:.-]+Z)/i.exec(message) : null) ?? [];
  const at = Date.parse(time ?? '');
  return Number.isNaN(at) ? undefined : boundedPause(at - now);
}

/** The oldest of Google's three ways to name a reason is the most exact. */
function reasonOf(error: unknown): string {
  const named = [first(error, 'errors'), first(error, 'details')].map((entry) => word(property(entry, 'reason')));
  return named.find((reason) => reason !== undefined) ?? word(property(error, 'status')) ?? 'unknown';
}

function first(error: unknown, list: string): unknown {
  const entries = property(error, list);
  return Array.isArray(entries) ? entries.find((entry) => property(entry, 'reason') !== undefined) : undefined;
}

/** Names only: what a server writes in sentences could quote a mail or a query. */
function word(value: unknown): string | undefined {
  return typeof value === 'string' && /^\w{1,80}$/.test(value) ? value : undefined;
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
