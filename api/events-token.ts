import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import { SECOND } from '../lib/clock.ts';
import type { Caller } from './auth.ts';

export const TOKEN_LIFETIME_MS = 60 * SECOND;

/** Tokens for `EventSource`, which cannot send headers: bound to one job, valid for 60 s to open its stream. */
export interface EventTokens {
  issue(job: { queue: string; jobId: string; owner: string }): { token: string; expiresAt: string };
  /** Undefined when it was not issued here, or has expired. */
  read(token: string): Extract<Caller, { kind: 'stream' }> | undefined;
}

const claims = z.object({ q: z.string(), j: z.string(), o: z.string(), e: z.number() });

/** Signed with secrets derived from the API keys, so that every API process takes the tokens of the others; any key verifies, the first signs. */
export function createEventTokens(deps: { apiKeys: readonly string[]; clock: Clock }): EventTokens {
  const derived = deps.apiKeys.map((key) => createHmac('sha256', key).update('hivepulse events token v1').digest());
  const secrets = derived.length > 0 ? derived : [randomBytes(32)];

  function issue({ queue, jobId, owner }: { queue: string; jobId: string; owner: string }) {
    const expires = deps.clock.now() + TOKEN_LIFETIME_MS;
    const body = Buffer.from(JSON.stringify({ q: queue, j: jobId, o: owner, e: expires })).toString('base64url');
    return { token: `${body}.${sign(body, secrets[0] ?? Buffer.alloc(0)).toString('base64url')}`, expiresAt: new Date(expires).toISOString() };
  }

  function read(token: string) {
    const [body = '', signature = ''] = token.split('.');
    const presented = Buffer.from(signature, 'base64url');
    if (!secrets.some((secret) => sameBytes(sign(body, secret), presented))) return undefined;
    const { q, j, o, e } = claims.parse(JSON.parse(Buffer.from(body, 'base64url').toString('utf8')));
    return e > deps.clock.now() ? { kind: 'stream' as const, key: o, queue: q, jobId: j } : undefined;
  }

  return { issue, read };
}

function sign(body: string, secret: Buffer): Buffer {
  return createHmac('sha256', secret).update(body).digest();
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
