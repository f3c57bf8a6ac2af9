import { describe, expect, it } from 'vitest';
import { isAccountWide, isLimited, mayPass, readFailure } from '../../../lib/mail/gmail/failure.ts';

const NOW = Date.parse('2026-11-22T08:00:00Z');

function read(status: number, error: unknown, retryAfter?: string) {
  const failure = readFailure(status, new Headers(retryAfter === undefined ? {} : { 'retry-after': retryAfter }), JSON.stringify({ error }), NOW);
  const kinds = { limited: isLimited, passing: mayPass, accountWide: isAccountWide };
  return { reason: failure.reason, kind: Object.entries(kinds).find(([, is]) => is(failure))?.[0] ?? 'final', retryAfterMs: failure.retryAfterMs };
}

const older = (reason: string) => ({ errors: [{ domain: 'usageLimits', message: 'A sentence.', reason }], message: 'A sentence.' });

describe('what Google says of a failed call', () => {
  it.each([
    [403, older('userRateLimitExceeded'), 'limited'],
    [403, older('rateLimitExceeded'), 'limited'],
    [403, older('dailyLimitExceeded'), 'limited'],
    [403, older('quotaExceeded'), 'limited'],
    [429, older('rateLimitExceeded'), 'limited'],
    [429, older('somethingNew'), 'limited'],
    [403, older('domainPolicy'), 'accountWide'],
    [403, older('accessNotConfigured'), 'accountWide'],
    [403, older('insufficientPermissions'), 'accountWide'],
    [403, older('forbidden'), 'final'],
    [400, older('badRequest'), 'final'],
    [401, older('authError'), 'final'],
    [404, older('notFound'), 'final'],
    [500, older('backendError'), 'passing'],
    [503, undefined, 'passing'],
  ])('%i %j is %s', (status, error, kind) => {
    expect(read(status, error)).toMatchObject({ kind });
  });

  it.each([
    [{ ...older('userRateLimitExceeded'), status: 'RESOURCE_EXHAUSTED' }, 'userRateLimitExceeded'],
    [{ status: 'PERMISSION_DENIED', details: [{ '@type': 'a' }, { reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT' }] }, 'ACCESS_TOKEN_SCOPE_INSUFFICIENT'],
    [{ status: 'RESOURCE_EXHAUSTED' }, 'RESOURCE_EXHAUSTED'],
    [{ errors: [{ reason: 'a sentence that may quote a mail' }] }, 'unknown'],
    ['down', 'unknown'],
    [undefined, 'unknown'],
  ])('%j has the reason %s', (error, reason) => {
    expect(read(403, error).reason).toBe(reason);
  });

  it.each([
    ['in seconds', '7', {}, 7_000],
    ['as a date', 'Sun, 22 Nov 2026 08:00:30 GMT', {}, 30_000],
    ['as a date gone by', 'Sun, 22 Nov 2026 07:00:00 GMT', {}, 100],
    ['as nothing to wait for', '0', {}, 100],
    ['that is too long to be meant', '999999999', {}, 86_400_000],
    ['that nobody can read', 'soon', {}, undefined],
    ['in Gmail’s message', undefined, { message: 'User-rate limit exceeded.  Retry after 2026-11-22T08:00:12.500Z' }, 12_500],
    ['nowhere', undefined, { message: 'User-rate limit exceeded.' }, undefined],
  ])('names a pause %s', (_, header, error, expected) => {
    expect(read(429, error, header).retryAfterMs).toBe(expected);
  });
});
