import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { HttpError } from './errors.ts';
import type { EventTokens } from './events-token.ts';
import type { UserCache } from './user-cache.ts';

/** Who asks. `key` is what requests are counted by; it gives no secret away. */
export type Caller =
  /** Holds an API key; sees everything, or, with `userId`, what that user may see. */
  | { kind: 'service'; key: string; userId?: string }
  /** A signed-in user; queried with the user's own JWT, under row-level security. */
  | { kind: 'user'; key: string; userId: string; jwt: string }
  /** Basic auth with ADMIN_USER: Bull Board, metrics, counts. */
  | { kind: 'admin'; key: string }
  /** A short-lived token for the events of one job. */
  | { kind: 'stream'; key: string; queue: string; jobId: string };

export type RowCaller = Extract<Caller, { kind: 'service' | 'user' }>;

/** What a request brings along, before anybody has been asked about it. */
export interface Credentials {
  authorization: string | undefined;
  actingFor: string | undefined;
  /** `?token=` of an event stream; only where the route takes one. */
  token: string | undefined;
  /** Basic auth counts only on pages that people open in a browser: elsewhere it would open the door to forged requests. */
  basicAllowed: boolean;
}

export interface Identify {
  /** Answers without asking anyone: keys, passwords, stream tokens and users seen a moment ago. */
  known(credentials: Credentials): Caller | undefined;
  /** Asks the Auth server about a JWT; undefined when it is not valid. */
  lookUp(credentials: Credentials): Promise<Caller | undefined>;
}

export interface IdentifyDeps {
  apiKeys: readonly string[];
  adminUser: string | undefined;
  adminPassword: string | undefined;
  users: UserCache;
  tokens: EventTokens;
}

export function createIdentify(deps: IdentifyDeps): Identify {
  const keyHashes = deps.apiKeys.map(hash);
  const admin = deps.adminUser && deps.adminPassword ? hash(`${deps.adminUser}:${deps.adminPassword}`) : undefined;

  function service(secret: string, actingFor: string | undefined): Caller | undefined {
    const presented = hash(secret);
    // All of them, always: the time taken does not tell which one came close.
    const matches = keyHashes.filter((known) => timingSafeEqual(known, presented));
    if (matches.length === 0) return undefined;
    const userId = parseUserId(actingFor);
    const key = `service:${fingerprint(presented)}`;
    return userId ? { kind: 'service', key: `${key}:${userId}`, userId } : { kind: 'service', key };
  }

  function basic(encoded: string): Caller | undefined {
    const decoded = Buffer.from(encoded, 'base64').toString('utf8');
    if (admin && timingSafeEqual(admin, hash(decoded))) return { kind: 'admin', key: 'admin' };
    // Any name with an API key as the password: a browser has no other way to send a key.
    return service(decoded.slice(decoded.indexOf(':') + 1), undefined);
  }

  function known({ authorization, actingFor, token, basicAllowed }: Credentials): Caller | undefined {
    if (token !== undefined && authorization === undefined) return deps.tokens.read(token);
    const [scheme, secret] = splitAuthorization(authorization);
    if (scheme === 'basic') return basicAllowed && secret ? basic(secret) : undefined;
    if (scheme !== 'bearer' || !secret) return undefined;
    return service(secret, actingFor) ?? user(deps.users.remembered(secret), secret, actingFor);
  }

  async function lookUp({ authorization, actingFor }: Credentials): Promise<Caller | undefined> {
    const [scheme, secret] = splitAuthorization(authorization);
    if (scheme !== 'bearer' || !looksLikeJwt(secret)) return undefined;
    return user(await deps.users.find(secret), secret, actingFor);
  }

  return { known, lookUp };
}

function user(found: { id: string } | undefined, jwt: string, actingFor: string | undefined): Caller | undefined {
  if (!found) return undefined;
  if (actingFor !== undefined && actingFor !== found.id) {
    throw new HttpError(403, 'forbidden', 'Only a service may act for another user: leave the header X-User-Id out, or call with an API key.');
  }
  return { kind: 'user', key: `user:${found.id}`, userId: found.id, jwt };
}

function parseUserId(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const parsed = z.guid().safeParse(header);
  if (parsed.success) return parsed.data.toLowerCase();
  throw new HttpError(400, 'invalid_input', 'The header X-User-Id must be the uuid of a user.', {
    issues: [{ path: 'headers.x-user-id', message: 'must be a uuid' }],
  });
}

export function credentialsOf(headers: IncomingHttpHeaders, options: Pick<Credentials, 'token' | 'basicAllowed'>): Credentials {
  const actingFor = headers['x-user-id'];
  return { authorization: headers.authorization, actingFor: typeof actingFor === 'string' && actingFor !== '' ? actingFor : undefined, ...options };
}

function splitAuthorization(header: string | undefined): [scheme: string | undefined, secret: string] {
  const space = header?.indexOf(' ') ?? -1;
  if (header === undefined || space < 0) return [undefined, ''];
  return [header.slice(0, space).toLowerCase(), header.slice(space + 1).trim()];
}

/** Three parts: anything else is not worth a question to the Auth server. */
function looksLikeJwt(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}

function hash(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Tells keys apart in counters and logs; says nothing about the key itself. */
function fingerprint(keyHash: Buffer): string {
  return createHmac('sha256', 'hivepulse caller').update(keyHash).digest('hex').slice(0, 12);
}
