import fastifyRateLimit from '@fastify/rate-limit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Caller, credentialsOf, type Identify, type RowCaller } from './auth.ts';
import type { App } from './deps.ts';
import { HttpError } from './errors.ts';

/** Who may call a route. Routes that do not say are for `caller`. */
export type Access =
  /** Anybody; not counted against the rate limit (probes). */
  | 'open'
  /** Anybody; one who is known is told more. */
  | 'optional'
  /** A user or a service. */
  | 'caller'
  /** The same, or a short-lived token in the query. */
  | 'stream'
  /** A service. */
  | 'service'
  /** A service, or a person by basic auth. */
  | 'admin'
  /** The same, for a page with parts: browsers are asked for the password at each of them. */
  | 'board'
  /** Anybody while bound to loopback, else a user, a service or a person by basic auth. */
  | 'local';

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | undefined;
    /** What the request is counted by. */
    rateKey: string;
  }
  interface FastifyContextConfig {
    access?: Access;
  }
}

export interface AccessOptions {
  identify: Identify;
  loopback: boolean;
  rateLimitPerMinute: number;
}

/** One hook for all routes: who is it, how often, may they. Runs before the body is read. */
export async function guard(app: App, { identify, loopback, rateLimitPerMinute }: AccessOptions): Promise<void> {
  app.decorateRequest('caller', undefined);
  app.decorateRequest('rateKey', '');
  await app.register(fastifyRateLimit, {
    global: false,
    max: rateLimitPerMinute,
    timeWindow: '1 minute',
    cache: 10_000,
    keyGenerator: (request) => request.rateKey,
  });
  const countRequest = app.createRateLimit();

  async function count(request: FastifyRequest, reply: FastifyReply, key: string, options: { increment: boolean }): Promise<void> {
    request.rateKey = key;
    const limit = await countRequest(request, options);
    if (limit.isAllowed) return;
    reply.headers({ 'x-ratelimit-limit': limit.max, 'x-ratelimit-remaining': limit.remaining, 'x-ratelimit-reset': limit.ttlInSeconds });
    if (!limit.isExceeded) return;
    reply.header('retry-after', Math.max(1, limit.ttlInSeconds));
    throw new HttpError(429, 'too_many_requests', `More than ${limit.max} requests in a minute. Wait ${limit.ttlInSeconds} s.`, {
      limitPerMinute: limit.max,
      retryAfterSeconds: limit.ttlInSeconds,
    });
  }

  /** Failed guesses are counted by address, and end the guessing before the Auth server is asked. */
  async function identifyStranger(request: FastifyRequest, reply: FastifyReply, credentials: ReturnType<typeof credentialsOf>) {
    const key = `address:${request.ip}`;
    await count(request, reply, key, { increment: false });
    const caller = await identify.lookUp(credentials);
    if (!caller) await count(request, reply, key, { increment: true });
    return caller;
  }

  app.addHook('onRequest', async (request, reply) => {
    const access = accessOf(request, loopback);
    if (access === 'open' || (access === 'optional' && request.headers.authorization === undefined)) return;
    const credentials = credentialsOf(request.headers, {
      token: access === 'stream' ? tokenOf(request) : undefined,
      basicAllowed: takesPassword(access),
    });
    const known = identify.known(credentials);
    request.caller = known ?? (await identifyStranger(request, reply, credentials));
    if (request.caller) await count(request, reply, request.caller.key, { increment: true });
    admit(access, request, reply);
  });
}

function accessOf(request: FastifyRequest, loopback: boolean): Access {
  if (request.is404) return 'open';
  const access = request.routeOptions.config.access ?? 'caller';
  return access === 'local' && loopback ? 'open' : access;
}

function takesPassword(access: Access): boolean {
  return access === 'admin' || access === 'board' || access === 'local';
}

function tokenOf(request: FastifyRequest): string | undefined {
  const { query } = request;
  return typeof query === 'object' && query !== null && 'token' in query && typeof query.token === 'string' ? query.token : undefined;
}

function admit(access: Access, request: FastifyRequest, reply: FastifyReply): void {
  if (access === 'optional') return;
  if (!request.caller) throw refuse(access, request, reply);
  if (access === 'service' && request.caller.kind !== 'service') throw forbidden();
  if ((access === 'admin' || access === 'board') && request.caller.kind !== 'service' && request.caller.kind !== 'admin') throw forbidden();
}

function refuse(access: Access, request: FastifyRequest, reply: FastifyReply): HttpError {
  // Asked for a password, a browser opens a dialogue, also over a page that fetches figures with a wrong key: there it gets no such question.
  const askPassword = takesPassword(access) && (access !== 'admin' || request.headers.accept?.includes('text/html'));
  reply.header('www-authenticate', askPassword ? 'Basic realm="Hivepulse", charset="UTF-8"' : 'Bearer realm="Hivepulse"');
  const given = request.headers.authorization !== undefined || (access === 'stream' && tokenOf(request) !== undefined);
  const message = given
    ? 'The key or token is not valid, or has expired.'
    : 'Send the header Authorization: Bearer <API key>, or the access token of a signed-in user.';
  return new HttpError(401, 'unauthorized', message);
}

function forbidden(): HttpError {
  return new HttpError(403, 'forbidden', 'This is for services: call it with an API key.');
}

/** Whose things a request is about. Throws 400 for a service that names nobody. */
export function userIdOf({ userId }: RowCaller, what = 'credits'): string {
  if (userId !== undefined) return userId;
  const message = `must name the user whose ${what} these are`;
  throw new HttpError(400, 'invalid_input', `Invalid input: headers.x-user-id: ${message}. A service sends the header X-User-Id: <uuid>.`, {
    issues: [{ path: 'headers.x-user-id', message }],
  });
}

/** The user or service behind a request to a `caller`, `stream` or `service` route. */
export function rowCallerOf(request: FastifyRequest): RowCaller {
  const { caller } = request;
  if (caller?.kind === 'service' || caller?.kind === 'user') return caller;
  throw new HttpError(403, 'forbidden', 'This is for users and services.');
}
