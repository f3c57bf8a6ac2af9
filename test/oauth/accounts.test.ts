import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { PermanentError, UnavailableError } from '../../lib/errors.ts';
import { createVault, tokenContext } from '../../lib/oauth/vault.ts';
import { type EmbeddedQueue, openEmbeddedQueue } from '../../lib/queue/backend/embedded.ts';
import { createRedisBackend } from '../../lib/queue/backend/redis.ts';
import { createPostgresStore } from '../../lib/queue/store/postgres.ts';
import type { Store } from '../../lib/queue/store/types.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from '../support/pglite.ts';
import { freePort } from '../support/port.ts';
import { startRedis } from '../support/redis.ts';
import { EMAIL, type StandIn, startStandIn } from './stand-ins.ts';
import { clientOf, connectAccount, listeningLog, newKey, processOf } from './world.ts';

const vault = createVault([newKey('current')]);
let server: EmbeddedTestDb;
let at: StandIn;
let heard: Awaited<ReturnType<typeof listeningLog>>;
const stores: Record<string, Store> = {};
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const [db, redis, embedded] = await Promise.all([startEmbeddedDb(), startRedis(), openEmbeddedQueue({ dataDir: ':memory:' })] as const);
  server = db;
  const backend = createRedisBackend({ connection: { url: redis.url }, role: 'worker' });
  await backend.ready(10_000);
  stores.Redis = backend.store;
  stores.Postgres = createPostgresStore((embedded satisfies EmbeddedQueue).pool);
  ends.push(
    db.stop,
    () => backend.close().then(() => redis.stop()),
    () => embedded.close(),
  );
}, 60_000);
afterAll(() => Promise.all(ends.map((end) => end())));
beforeEach(() => begin('google'));

async function begin(provider: StandIn['name']): Promise<void> {
  at = await startStandIn[provider]();
  heard = await listeningLog();
  onTestFinished(at.stop);
}

const storeOf = (name: string): Store => stores[name] ?? fail(`no store ${name}`);
const sharedOn = (name = 'Redis') => ({ db: server.db, store: storeOf(name), vault, at, log: heard.log });
const fail = (message: string): never => {
  throw new Error(message);
};

/** What each call came to: a token, or the code of its error. */
const outcomes = (calls: readonly Promise<string>[]) =>
  Promise.all(calls.map((call) => call.catch((error: { code?: string }) => `${error.constructor.name} ${error.code}`)));

async function stored(id: string) {
  return (await server.db.connections.read(id)) ?? fail('the account is gone');
}

/** A server that answers every request for tokens in one way; counts them. */
async function tokenServer(listener: RequestListener) {
  const state = { requests: 0 };
  const http = createServer((request, response) => {
    state.requests += 1;
    listener(request, response);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  const tokenUrl = `http://127.0.0.1:${(http.address() as AddressInfo).port}/token`;
  return Object.assign(state, { tokenUrl, provider: (timeoutMs = 2_000) => clientOf({ ...at, tokenUrl }, { timeoutMs }) });
}

const places = [
  ['Google', 'google', 'Redis'],
  ['Google', 'google', 'Postgres'],
  ['Microsoft', 'microsoft', 'Redis'],
] as const;
describe.each(places)('ten callers in two processes for an account at %s (%s), the store on %s', (_, provider, name) => {
  beforeEach(() => begin(provider));

  const callsOf = (id: string, options: { rejected?: string } = {}) => {
    const processes = [processOf(sharedOn(name)), processOf(sharedOn(name))];
    return Array.from({ length: 10 }, (_, index) => processes[index % 2]?.accessToken(id, options) ?? fail('no process'));
  };

  it('refresh an expired token once', async () => {
    const account = await connectAccount(sharedOn(name));
    const tokens = await Promise.all(callsOf(account.id));
    expect(new Set(tokens).size).toBe(1);
    expect(tokens[0]).not.toBe(account.accessToken);
    expect(at.tokenCalls()).toBe(1);
    expect(await stored(account.id)).toMatchObject({ status: 'active', tokens: { version: 2 } });
  });

  it('refresh a token once that the provider has refused although it looked good', async () => {
    const account = await connectAccount(sharedOn(name), { goodForMs: 3_600_000 });
    const accounts = processOf(sharedOn(name));
    expect(await accounts.accessToken(account.id)).toBe(account.accessToken);
    at.expireTokens();
    const tokens = await Promise.all(callsOf(account.id, { rejected: account.accessToken }));
    // In a process that had it at hand, too.
    expect(await accounts.accessToken(account.id, { rejected: account.accessToken })).toBe(tokens[0]);
    expect(await accounts.accessToken(account.id)).toBe(tokens[0]);
    expect(new Set(tokens).size).toBe(1);
    expect(tokens[0]).not.toBe(account.accessToken);
    expect(at.tokenCalls()).toBe(1);
    // Whoever still holds the old one gets the new one, and nobody asks again.
    expect(await accounts.accessToken(account.id, { rejected: account.accessToken })).toBe(tokens[0]);
    expect(at.tokenCalls()).toBe(1);
  });

  it('are all told to connect again when the grant is over, and one alert goes out', async () => {
    const reason = { google: 'invalid_grant', microsoft: 'AADSTS50173' }[provider];
    const account = await connectAccount(sharedOn(name));
    at.revoke(EMAIL);
    const told = await outcomes(callsOf(account.id));
    expect(new Set(told)).toEqual(new Set(['PermanentError reauth_required']));
    expect(at.tokenCalls()).toBe(1);
    expect(await stored(account.id)).toMatchObject({ status: 'reauth_required', statusReason: reason });
    const alerts = () => heard.lines().filter(({ event }) => event === 'reauth_required');
    await vi.waitFor(() => expect(alerts()).toHaveLength(1));
    expect(alerts()[0]).toMatchObject({ level: 'warn', connectionId: account.id, provider, reason });
    // From now on nobody asks the provider, nor is told again.
    expect(await outcomes(callsOf(account.id))).toEqual(told);
    expect(at.tokenCalls()).toBe(1);
    expect(alerts()).toHaveLength(1);
  });

  it('share one failure, and succeed when the provider is back', async () => {
    const account = await connectAccount(sharedOn(name));
    at.faults.tokensDown = true;
    const quick = { timing: { pollMs: 5, failureMs: 1_500 } };
    const processes = [processOf(sharedOn(name), quick), processOf(sharedOn(name), quick)];
    const told = await outcomes(processes.flatMap((one) => [one.accessToken(account.id), one.accessToken(account.id)]));
    expect(new Set(told)).toEqual(new Set(['UnavailableError provider_unavailable']));
    // One leader, three tries.
    expect(at.tokenCalls()).toBe(3);
    expect(await stored(account.id)).toMatchObject({ status: 'active', statusReason: null, tokens: { version: 1 } });
    at.faults.tokensDown = false;
    await vi.waitFor(async () => expect(await processes[0]?.accessToken(account.id)).toMatch(at.tokens), { timeout: 10_000, interval: 50 });
  });

  it('go on with another leader when the first has died', async () => {
    const account = await connectAccount(sharedOn(name));
    const dead = await storeOf(name).lead(`oauth:${account.id}:1`, 'a process that died', 200);
    expect(dead.role).toBe('leader');
    expect(await processOf(sharedOn(name)).accessToken(account.id)).toMatch(at.tokens);
    expect(at.tokenCalls()).toBe(1);
  });
});

it('whoever leads late looks at the row again before it asks the provider', async () => {
  const account = await connectAccount(sharedOn());
  const stale = await stored(account.id);
  // Nobody hears that the first is done; its lease runs out.
  const mute = { lead: storeOf('Redis').lead, publish: async () => Promise.reject(new UnavailableError('the store is away')) };
  const token = await processOf({ ...sharedOn(), store: { ...storeOf('Redis'), ...mute } }, { timing: { leaseMs: 50 } }).accessToken(account.id);
  const reads = [stale];
  const { connections } = server.db;
  const late = processOf(sharedOn(), { connections: { ...connections, read: async (id) => reads.shift() ?? connections.read(id) } });
  expect(await late.accessToken(account.id)).toBe(token);
  expect(at.tokenCalls()).toBe(1);
});

describe('a token', () => {
  it('is handed out as it is while it is good for more than a minute', async () => {
    const good = await connectAccount(sharedOn(), { goodForMs: 62_000 });
    expect(await processOf(sharedOn()).accessToken(good.id)).toBe(good.accessToken);
    const soon = await connectAccount(sharedOn(), { goodForMs: 58_000 });
    expect(await processOf(sharedOn()).accessToken(soon.id)).not.toBe(soon.accessToken);
    expect(at.tokenCalls()).toBe(1);
  });

  it('is looked up again after ten seconds, so that a disconnected account is noticed', async () => {
    const account = await connectAccount(sharedOn(), { goodForMs: 3_600_000 });
    let later = 0;
    const clock = { now: systemClock.now, monotonic: () => systemClock.monotonic() + later };
    const read = vi.spyOn(server.db.connections, 'read');
    onTestFinished(() => read.mockRestore());
    const accounts = processOf(sharedOn(), { clock });
    await accounts.accessToken(account.id);
    await accounts.accessToken(account.id);
    expect(read).toHaveBeenCalledTimes(1);
    await server.db.connections.remove(account.id, { keepMessages: false });
    later = 10_000;
    await expect(accounts.accessToken(account.id)).rejects.toMatchObject({ code: 'not_connected', retryable: false });
  });

  it('that does not open is refreshed where the refresh token does', async () => {
    const account = await connectAccount(sharedOn(), { goodForMs: 3_600_000 });
    const { tokens } = await stored(account.id);
    await server.db.connections.saveResealed(account.id, tokens, { accessToken: tokens.refreshToken, refreshToken: tokens.refreshToken });
    expect(await processOf(sharedOn()).accessToken(account.id)).toMatch(/^ya29\./);
  });

  it('takes the place of the old refresh token where the provider sends a new one', async () => {
    const account = await connectAccount(sharedOn());
    const answer = JSON.stringify({ access_token: 'new-access', refresh_token: 'new-refresh', expires_in: 3600, token_type: 'Bearer' });
    const rotating = await tokenServer((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(answer));
    expect(await processOf(sharedOn(), { providers: rotating.provider() }).accessToken(account.id)).toBe('new-access');
    const { tokens } = await stored(account.id);
    expect(vault.open(tokens.refreshToken ?? '', tokenContext(account, 'refresh'))).toBe('new-refresh');
  });

  it('is refreshed with the newest refresh token, where each is another one', async () => {
    const account = await connectAccount(sharedOn());
    const shown: (string | null)[] = [];
    const rotating = await tokenServer(async (request, response) => {
      shown.push(new URLSearchParams(await text(request)).get('refresh_token'));
      const next = { access_token: `access ${shown.length}`, refresh_token: `refresh ${shown.length}`, expires_in: 3600, token_type: 'Bearer' };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(next));
    });
    const processes = [1, 2, 3].map(() => processOf(sharedOn(), { providers: rotating.provider() }));
    let rejected: string | undefined;
    for (const one of processes) rejected = await one.accessToken(account.id, rejected === undefined ? {} : { rejected });
    expect([rejected, shown]).toEqual(['access 3', [account.refreshToken, 'refresh 1', 'refresh 2']]);
  });

  it('is asked for again only once the account is connected again', async () => {
    const account = await connectAccount(sharedOn());
    at.revoke(EMAIL);
    const accounts = processOf(sharedOn());
    await expect(accounts.accessToken(account.id)).rejects.toBeInstanceOf(PermanentError);
    const { accessToken, refreshToken = '' } = at.issueTokens(EMAIL);
    const again = {
      accessToken: vault.seal(accessToken, tokenContext(account, 'access')),
      refreshToken: vault.seal(refreshToken, tokenContext(account, 'refresh')),
      accessExpiresAt: new Date(Date.now() - 1).toISOString(),
    };
    const { userId, provider, accountId, email, scopes } = account;
    await server.db.connections.save({ userId, provider, accountId, email, scopes, ...again });
    expect(await accounts.accessToken(account.id)).toMatch(/^ya29\./);
  });

  it('names what to do where there is no such account', async () => {
    const unknown = processOf(sharedOn()).accessToken(randomUUID());
    await expect(unknown).rejects.toMatchObject({ code: 'not_connected', retryable: false, message: expect.stringContaining('connect the account') });
  });

  it('without a refresh token ends in "connect again" when it is over', async () => {
    const owner = { userId: randomUUID(), provider: 'google' as const, accountId: randomUUID() };
    const sealed = vault.seal('access', tokenContext(owner, 'access'));
    const expired = new Date(Date.now() - 1).toISOString();
    const { id } = await server.db.connections.save({ ...owner, email: EMAIL, scopes: [], accessToken: sealed, accessExpiresAt: expired });
    await expect(processOf(sharedOn()).accessToken(id)).rejects.toMatchObject({ code: 'reauth_required' });
    expect(await stored(id)).toMatchObject({ status: 'reauth_required', statusReason: 'no_refresh_token' });
    expect(at.tokenCalls()).toBe(0);
  });
});

describe('a refresh that fails', () => {
  const json = (status: number, body: unknown): RequestListener => {
    return (_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const answers: [string, RequestListener, string, number][] = [
    ['a server error', json(500, {}), 'provider_unavailable', 3],
    ['a server error that looks like a verdict', json(503, { error: 'invalid_grant' }), 'provider_unavailable', 3],
    ['a client that Google does not know', json(401, { error: 'invalid_client' }), 'provider_auth', 1],
    ['a client that may not do this', json(400, { error: 'unauthorized_client' }), 'provider_auth', 1],
    ['too many requests', json(429, { error: 'rate_limit' }), 'provider_unavailable', 1],
    ['another refusal', json(400, { error: 'invalid_request' }), 'provider_rejected', 1],
    ['a refusal that says nothing', json(404, {}), 'provider_malformed', 1],
    ['a page of a proxy', (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'), 'provider_malformed', 1],
    ['an answer without a token', json(200, { token_type: 'Bearer', expires_in: 3600, secret_extra: 'leak-me' }), 'provider_malformed', 1],
    ['a token of another kind', json(200, { access_token: 'leak-me', token_type: 'mac' }), 'provider_malformed', 1],
    ['a redirect', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), 'provider_malformed', 1],
    ['a broken connection', (request) => request.socket.destroy(), 'provider_unavailable', 3],
  ];
  it.each(answers)('by %s may pass, and marks nothing', async (_, listener, code, tries) => {
    const account = await connectAccount(sharedOn());
    const failing = await tokenServer(listener);
    const error = await processOf(sharedOn(), { providers: failing.provider() })
      .accessToken(account.id)
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ code, retryable: true });
    expect(failing.requests).toBe(tries);
    expect(await stored(account.id)).toMatchObject({ status: 'active', tokens: { version: 1 } });
    const said = JSON.stringify([error, String(error), (error as Error).cause ?? '']) + heard.text();
    for (const secret of [account.accessToken, account.refreshToken, at.client.secret, 'leak-me']) expect(said).not.toContain(secret);
    expect(heard.lines().filter(({ event }) => event === 'oauth.refresh_failed')).toHaveLength(1);
  });

  it('by silence ends in time', async () => {
    const account = await connectAccount(sharedOn());
    const silent = await tokenServer(() => undefined);
    const accounts = processOf(sharedOn(), { providers: silent.provider(50) });
    await expect(accounts.accessToken(account.id)).rejects.toMatchObject({
      code: 'provider_unavailable',
      message: expect.stringContaining('too slow'),
    });
    expect(silent.requests).toBe(3);
  });

  it('by a server that is away may pass', async () => {
    const account = await connectAccount(sharedOn());
    const away = clientOf({ ...at, tokenUrl: `http://127.0.0.1:${await freePort()}/token` });
    await expect(processOf(sharedOn(), { providers: away }).accessToken(account.id)).rejects.toMatchObject({
      code: 'provider_unavailable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('for want of the key names it, and marks nothing', async () => {
    const account = await connectAccount(sharedOn());
    const other = createVault([newKey('another')]);
    const error = processOf(sharedOn(), { vault: other }).accessToken(account.id);
    await expect(error).rejects.toMatchObject({ name: 'UnavailableError', code: 'unknown_token_key', details: { keyId: 'current' } });
    expect(await stored(account.id)).toMatchObject({ status: 'active' });
  });

  it('for want of the OAuth client names the variables', async () => {
    const account = await connectAccount(sharedOn());
    await expect(processOf(sharedOn(), { providers: {} }).accessToken(account.id)).rejects.toMatchObject({
      name: 'UnavailableError',
      code: 'provider_not_configured',
      message: expect.stringContaining('GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET'),
    });
  });

  it('because of a session policy means connecting again, with the reason kept', async () => {
    const account = await connectAccount(sharedOn());
    const policy = await tokenServer(json(400, { error: 'invalid_grant', error_subtype: 'invalid_rapt', error_description: 'reauth related error' }));
    await expect(processOf(sharedOn(), { providers: policy.provider() }).accessToken(account.id)).rejects.toMatchObject({ code: 'reauth_required' });
    expect(await stored(account.id)).toMatchObject({ status: 'reauth_required', statusReason: 'invalid_rapt' });
  });

  const verdicts: [string, Record<string, unknown>, string][] = [
    ['Microsoft’s number', { error: 'invalid_grant', error_codes: [700082, 50173], suberror: 'token_expired' }, 'AADSTS700082'],
    ['consent that is missing', { error: 'consent_required', error_codes: [65001] }, 'AADSTS65001'],
    ['a second factor that is due', { error: 'interaction_required', suberror: 'basic_action' }, 'basic_action'],
    ['a user who is to sign in', { error: 'login_required' }, 'login_required'],
    ['an answer that is made up', { error: 'invalid_grant', error_codes: ['<b>'], suberror: 'two words' }, 'invalid_grant'],
  ];
  it.each(verdicts)('with %s means connecting again, with the reason kept', async (_, body, reason) => {
    const account = await connectAccount(sharedOn());
    const verdict = await tokenServer(json(400, { ...body, error_description: 'AADSTS1: leak-me' }));
    await expect(processOf(sharedOn(), { providers: verdict.provider() }).accessToken(account.id)).rejects.toMatchObject({ code: 'reauth_required' });
    expect([verdict.requests, await stored(account.id)]).toMatchObject([1, { status: 'reauth_required', statusReason: reason }]);
    expect(heard.text()).not.toContain('leak-me');
  });

  it('by a secret that has ended names its number and the variables', async () => {
    const account = await connectAccount(sharedOn());
    const ended = await tokenServer(json(401, { error: 'invalid_client', error_codes: [7000222] }));
    await expect(processOf(sharedOn(), { providers: ended.provider() }).accessToken(account.id)).rejects.toMatchObject({
      code: 'provider_auth',
      message: expect.stringMatching(/invalid_client, AADSTS7000222.*GOOGLE_CLIENT_SECRET/),
    });
  });

  it('after the tokens were replaced does not mark the new ones', async () => {
    const account = await connectAccount(sharedOn());
    const slow = await tokenServer(async (_, response) => {
      const sealed = vault.seal('newer', tokenContext(account, 'access'));
      await server.db.connections.saveRefreshed(account.id, 1, {
        accessToken: sealed,
        accessExpiresAt: new Date(Date.now() + 3_600_000).toISOString(),
      });
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}');
    });
    expect(await processOf(sharedOn(), { providers: slow.provider() }).accessToken(account.id)).toBe('newer');
    expect(await stored(account.id)).toMatchObject({ status: 'active' });
    expect(heard.lines().filter(({ event }) => event === 'reauth_required')).toEqual([]);
  });
});

describe('a caller that leaves', () => {
  it('is let go at once, and the refresh it has begun is kept', async () => {
    const account = await connectAccount(sharedOn());
    const entered = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const answer = JSON.stringify({ access_token: 'kept', expires_in: 3600, token_type: 'Bearer' });
    const held = await tokenServer(async (_, response) => {
      entered.resolve();
      await released.promise;
      response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
    });
    const accounts = processOf(sharedOn(), { providers: held.provider() });
    const leaving = new AbortController();
    const call = accounts.accessToken(account.id, { signal: leaving.signal });
    await entered.promise;
    leaving.abort(new Error('the job was cancelled'));
    await expect(call).rejects.toThrow('the job was cancelled');
    released.resolve();
    expect(await accounts.accessToken(account.id)).toBe('kept');
    expect(held.requests).toBe(1);
    await expect(accounts.accessToken(account.id, { signal: leaving.signal })).rejects.toThrow('the job was cancelled');
  });
});

it('nothing secret is ever logged', async () => {
  const account = await connectAccount(sharedOn());
  const token = await processOf(sharedOn()).accessToken(account.id);
  at.revoke(EMAIL);
  await expect(processOf(sharedOn()).accessToken(account.id, { rejected: token })).rejects.toMatchObject({
    code: 'reauth_required',
    message: expect.stringContaining(`the google account at example.com (connection ${account.id}) must be connected again`.slice(4)),
  });
  await vi.waitFor(() => expect(heard.text()).toContain('reauth_required'));
  const { tokens } = await stored(account.id);
  const secrets = [token, account.accessToken, account.refreshToken, tokens.accessToken ?? '', tokens.refreshToken ?? '', at.client.secret, 'ann@'];
  for (const secret of secrets) expect(heard.text()).not.toContain(secret);
});
