import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type GoogleStandIn, READ_SCOPES, startGoogle } from '../../demo/stand-ins/google/server.ts';
import { UnavailableError } from '../../lib/errors.ts';
import { createVault, tokenContext } from '../../lib/oauth/vault.ts';
import { connectAccount, listeningLog, newKey } from '../oauth/world.ts';
import { startEmulator } from '../support/google.ts';
import { freePort } from '../support/port.ts';
import { type Api, type CallOptions, eventually, KEY, type Reply, startApi } from './world.ts';

const MAIL = 'https://www.googleapis.com/auth/gmail.readonly';
const APP = 'https://app.example.com';
const key = newKey('current');
const vault = createVault([key]);

let google: GoogleStandIn;
let heard: Awaited<ReturnType<typeof listeningLog>>;
let api: Api;
let alice: { id: string; jwt: string };
beforeAll(async () => {
  google = await startGoogle({ accounts: { 'ann@example.com': [], 'eve@example.com': [] } });
  heard = await listeningLog();
  api = await startApiFor(google);
  alice = await api.db.signUp();
});
afterAll(async () => {
  await api?.stop();
  await google?.stop();
});
beforeEach(() => {
  google.requests.reset();
  google.faults.clear();
  Object.assign(google.consent, { denied: false, withheldScopes: [] });
});

function startApiFor(
  { client, authUrl, tokenUrl }: Pick<GoogleStandIn, 'client' | 'authUrl' | 'tokenUrl'>,
  publicUrl = 'https://jobs.example.com',
  tokenKeys = [key],
): Promise<Api> {
  return startApi({
    log: heard.log,
    options: { publicUrl, corsOrigins: [APP] },
    oauth: { tokenKeys, google: { clientId: client.id, clientSecret: client.secret, authUrl, tokenUrl } },
  });
}

/** A browser, as far as cookies go. */
function browser() {
  let cookie: string | undefined;
  return {
    cookie: () => cookie,
    async start(query = '', options: CallOptions = { jwt: alice.jwt }): Promise<Reply> {
      const headers = { ...options.headers, ...(cookie === undefined ? {} : { cookie }) };
      const reply = await api.call('GET', `/api/connections/google/start${query}`, { ...options, headers });
      cookie = reply.headers.get('set-cookie')?.split(';')[0] ?? cookie;
      return reply;
    },
    /** Back from the consent page: whatever address it was sent to, at this API. */
    callback(path: string, at: Api = api): Promise<Reply> {
      return at.call('GET', path, { key: null, headers: cookie === undefined ? {} : { cookie } });
    },
  };
}

/** Says yes on the consent page (or what the stand-in is told to say); the path that it sends the browser to. */
async function consent(url: string, email = 'ann@example.com'): Promise<string> {
  const asked = new URL(url);
  asked.searchParams.set('login_hint', email);
  const { headers } = await fetch(asked, { redirect: 'manual' });
  const back = new URL(headers.get('location') ?? '');
  expect(back.origin).toBe('https://jobs.example.com');
  return `${back.pathname}${back.search}`;
}

const withQuery = (path: string, changes: Record<string, string | undefined>): string => {
  const url = new URL(path, 'http://api');
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return `${url.pathname}${url.search}`;
};

const service = (userId: string): CallOptions => ({ headers: { 'x-user-id': userId } });
const connectionsOf = (userId: string) => api.db.connections.list({ userId });

describe('a user who connects an account', () => {
  it('goes to the consent page and comes back connected, with tokens that only the vault opens', async () => {
    const ann = browser();
    const started = await ann.start();
    const asked = new URL(started.body.data.url);
    expect(started.status).toBe(200);
    expect(`${asked.origin}${asked.pathname}`).toBe(google.authUrl);
    expect(Object.fromEntries(asked.searchParams)).toEqual({
      response_type: 'code',
      client_id: google.client.id,
      redirect_uri: 'https://jobs.example.com/api/connections/google/callback',
      scope: `openid email ${MAIL}`,
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      access_type: 'offline',
      prompt: 'consent',
      include_granted_scopes: 'true',
    });
    expect(started.headers.get('set-cookie')).toMatch(
      /^hivepulse_connect=[\w-]{43}; Path=\/api\/connections; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
    );
    const landed = await ann.callback(await consent(asked.href));
    expect(landed.status).toBe(200);
    expect(landed.body).toContain('ann@example.com is connected');

    const [connection] = await connectionsOf(alice.id);
    expect(connection).toMatchObject({ provider: 'google', accountId: google.mailbox('ann@example.com').sub, status: 'active', scopes: READ_SCOPES });
    const { tokens, ...account } = (await api.db.connections.read(connection?.id ?? '')) ?? expect.fail('no account');
    expect(vault.open(tokens.accessToken ?? '', tokenContext(account, 'access'))).toMatch(/^ya29\./);
    expect(vault.open(tokens.refreshToken ?? '', tokenContext(account, 'refresh'))).toMatch(/^1\/\/0/);
    expect(Date.parse(tokens.accessExpiresAt ?? '')).toBeGreaterThan(Date.now() + 3_500_000);
  });

  it('sees it, and nobody else does; no token is ever shown', async () => {
    const { id, refreshToken } = await connectAccount({ db: api.db, vault, google }, { email: 'ann@example.com' });
    const owner = (await api.db.connections.get(id))?.userId ?? '';
    const lists = await Promise.all([
      api.call('GET', '/api/connections', { jwt: alice.jwt }),
      api.call('GET', '/api/connections', service(owner)),
      api.call('GET', '/api/connections'),
    ]);
    const idsIn = ({ body }: Reply): string[] => body.data.connections.map((one: { id: string }) => one.id);
    expect(lists.map((list) => idsIn(list).includes(id))).toEqual([false, true, true]);
    expect(idsIn(lists[1] ?? expect.fail())).toEqual([id]);
    const shown = JSON.stringify(lists.map(({ body }) => body));
    expect(shown).not.toMatch(/token|v1\.current/i);
    expect(shown).not.toContain(refreshToken);
    expect((await api.call('GET', '/api/connections', { key: null })).status).toBe(401);
  });

  it('connects the same account again: one row, its mailbox followed on', async () => {
    const [before] = await connectionsOf(alice.id);
    const ann = browser();
    await ann.callback(await consent((await ann.start()).body.data.url));
    const after = await connectionsOf(alice.id);
    expect(after).toHaveLength(1);
    expect(after[0]).toMatchObject({ id: before?.id, status: 'active' });
    expect((await api.db.connections.read(before?.id ?? ''))?.tokens.version).toBe(2);
  });

  it('is sent back to the app, with what came of it', async () => {
    const ann = browser();
    const there = `${APP}/settings?tab=mail#top`;
    const started = await ann.start(`?returnTo=${encodeURIComponent(there)}&loginHint=ann@example.com`);
    expect(new URL(started.body.data.url).searchParams.get('login_hint')).toBe('ann@example.com');
    const landed = await ann.callback(await consent(started.body.data.url));
    const [connection] = await connectionsOf(alice.id);
    expect(landed.status).toBe(303);
    expect(landed.headers.get('location')).toBe(`${APP}/settings?tab=mail&connection=${connection?.id}#top`);

    google.consent.denied = true;
    const again = await ann.start(`?returnTo=${encodeURIComponent(there)}`);
    const refused = await ann.callback(await consent(again.body.data.url));
    expect(refused.headers.get('location')).toBe(`${APP}/settings?tab=mail&connection_error=access_denied#top`);
  });

  it('may set out in two tabs at once', async () => {
    const ann = browser();
    const [one, other] = [await ann.start(), await ann.start()];
    expect((await ann.callback(await consent(one.body.data.url))).status).toBe(200);
    expect((await ann.callback(await consent(other.body.data.url))).status).toBe(200);
  });

  it('can be redirected at once', async () => {
    const reply = await browser().start('?redirect=true');
    expect(reply.status).toBe(302);
    expect(reply.headers.get('location')).toMatch(new RegExp(`^${google.authUrl}\\?`));
  });
});

it('an app’s server connects an account for its user, and answers for the browser', async () => {
  const userId = randomUUID();
  const server = browser();
  const started = await server.start('', service(userId));
  expect(started.headers.get('set-cookie')).toBeNull();
  expect((await server.callback(await consent(started.body.data.url))).status).toBe(200);
  expect(await connectionsOf(userId)).toHaveLength(1);
  const nobody = await api.call('GET', '/api/connections/google/start');
  expect(nobody).toMatchObject({ status: 400, body: { error: { message: expect.stringContaining('x-user-id') } } });
});

describe('an attacker', () => {
  const expectPage = (reply: Reply, status: number, code: string): void => {
    expect(reply.status).toBe(status);
    expect(reply.headers.get('content-type')).toContain('text/html');
    expect(reply.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'unsafe-inline'/);
    expect(reply.headers.get('cache-control')).toBe('no-store');
    expect(reply.headers.get('referrer-policy')).toBe('no-referrer');
    expect(reply.body).toContain(`<small>${code}</small>`);
    expect(reply.body).not.toContain('<script');
  };

  it('cannot hand out the link of his own round trip: another browser is turned away, and the link is used up', async () => {
    const mallory = await api.db.signUp();
    const attacker = browser();
    const { body } = await attacker.start('', { jwt: mallory.jwt });
    const victim = browser();
    await victim.start();
    const back = await consent(body.data.url);
    expectPage(await victim.callback(back), 403, 'wrong_browser');
    expectPage(await attacker.callback(back), 400, 'link_expired');
    expect(await connectionsOf(mallory.id)).toEqual([]);
    expect(google.requests.counts.token).toBe(0);

    const second = await attacker.start('', { jwt: mallory.jwt });
    expectPage(await browser().callback(await consent(second.body.data.url)), 403, 'wrong_browser');
  });

  it('cannot use a state twice, make one up, leave it out, or give two', async () => {
    const ann = browser();
    const back = await consent((await ann.start()).body.data.url);
    expect((await ann.callback(back)).status).toBe(200);
    expectPage(await ann.callback(back), 400, 'link_expired');
    const forged = randomBytes(32).toString('base64url');
    for (const state of [forged, undefined, '', 'x'.repeat(5_000), "' or 1=1 --"]) {
      expectPage(await ann.callback(withQuery(back, { state })), 400, 'link_expired');
    }
    const other = await consent((await ann.start()).body.data.url);
    expectPage(await ann.callback(`${other}&state=${forged}`), 400, 'link_expired');
    expect(google.requests.counts.token).toBe(1);
  });

  it('gains nothing from what the database holds: the state is stored as a hash, its secrets sealed', async () => {
    const ann = browser();
    const { body } = await ann.start();
    const state = new URL(body.data.url).searchParams.get('state') ?? '';
    const { data } = await api.db.table('oauth_states').select().eq('user_id', alice.id);
    const rows = JSON.stringify(data);
    expect(rows).toContain(createHash('sha256').update(state).digest('base64url'));
    expect(rows).not.toContain(state);
    expect(rows).not.toContain(ann.cookie()?.split('=')[1]);
    expect(rows).toContain('v1.current.');
  });

  it('cannot come back after ten minutes', async () => {
    const ann = browser();
    const back = await consent((await ann.start()).body.data.url);
    await api.db
      .table('oauth_states')
      .update({ expires_at: new Date(Date.now() - 1).toISOString() })
      .eq('user_id', alice.id);
    expectPage(await ann.callback(back), 400, 'link_expired');
  });

  it('cannot put his own code into another’s round trip', async () => {
    const [ann, eve] = [browser(), browser()];
    const mine = await consent((await ann.start()).body.data.url);
    const theirs = await consent((await eve.start()).body.data.url, 'eve@example.com');
    const code = new URL(theirs, 'http://api').searchParams.get('code') ?? '';
    expectPage(await ann.callback(withQuery(mine, { code })), 400, 'code_refused');
    expect(await connectionsOf(alice.id)).toHaveLength(1);
  });

  it('cannot pass off an identity that was made for another round trip', async () => {
    const ann = browser();
    const { body } = await ann.start();
    const asked = new URL(body.data.url);
    asked.searchParams.set('nonce', randomBytes(32).toString('base64url'));
    expectPage(await ann.callback(await consent(asked.href)), 400, 'identity_refused');
  });

  it('cannot send an answer of another server, or one without a code', async () => {
    const ann = browser();
    const back = async () => consent((await ann.start()).body.data.url);
    expectPage(await ann.callback(`${await back()}&iss=https%3A%2F%2Fevil.example`), 400, 'identity_refused');
    expectPage(await ann.callback(withQuery(await back(), { code: undefined })), 400, 'identity_refused');
    expect(google.requests.counts.token).toBe(0);
  });

  it('cannot have browsers sent elsewhere', async () => {
    const places = [
      'https://evil.example/',
      'https://app.example.com.evil.example/',
      'https://app.example.com@evil.example/',
      'https://user:pass@app.example.com/',
      'http://app.example.com/',
      '//evil.example/',
      '/settings',
      'javascript:alert(1)',
      'data:text/html,x',
    ];
    for (const place of places) {
      const reply = await browser().start(`?returnTo=${encodeURIComponent(place)}`);
      expect(reply.status, place).toBe(400);
      expect(reply.body.error.details.issues).toEqual([{ path: 'query.returnTo', message: expect.stringContaining(APP) }]);
    }
    for (const place of ['https://jobs.example.com/done', `${APP}/`]) {
      expect((await browser().start(`?returnTo=${encodeURIComponent(place)}`)).status, place).toBe(200);
    }
  });

  it('cannot write into the page', async () => {
    const ann = browser();
    const back = await consent((await ann.start()).body.data.url);
    const script = '<script>alert(1)</script>';
    const reply = await ann.callback(withQuery(back, { code: undefined, error: script, error_description: script }));
    expectPage(reply, 400, 'provider_refused');
    expect(reply.body).not.toContain('alert(1)');
  });

  it('cannot try states without end', async () => {
    const narrow = await startApi({ options: { rateLimitPerMinute: 3 } });
    onTestFinished(() => narrow.stop());
    const tries = Array.from({ length: 5 }, () => narrow.call('GET', `/api/connections/google/callback?state=${'x'.repeat(43)}`, { key: null }));
    expect((await Promise.all(tries)).map(({ status }) => status).sort()).toEqual([400, 400, 400, 429, 429]);
  });

  it('does not use up a link by a look at its headers', async () => {
    const ann = browser();
    const back = await consent((await ann.start()).body.data.url);
    const head = await fetch(`${api.url}${back}`, { method: 'HEAD', headers: { cookie: ann.cookie() ?? '' } });
    expect(head.status).toBe(405);
    expect((await ann.callback(back)).status).toBe(200);
  });

  it('of another origin gets no cookies to send along', async () => {
    const preflight = (origin: string) =>
      fetch(`${api.url}/api/connections/google/start`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'GET' } });
    const [own, foreign] = await Promise.all([preflight(APP), preflight('https://evil.example')]);
    expect(own.headers.get('access-control-allow-origin')).toBe(APP);
    expect(own.headers.get('access-control-allow-credentials')).toBe('true');
    expect(foreign.headers.get('access-control-allow-origin')).not.toBe('https://evil.example');
    const open = await startApi({ options: { corsOrigins: ['*'] } });
    const toAll = await fetch(`${open.url}/api/connections`, { method: 'OPTIONS', headers: { origin: APP, 'access-control-request-method': 'GET' } });
    await open.stop();
    expect(toAll.headers.get('access-control-allow-credentials')).toBeNull();
  });
});

describe('a round trip that ends badly', () => {
  const tried = async (): Promise<Reply> => {
    const ann = browser();
    return ann.callback(await consent((await ann.start()).body.data.url));
  };

  it('says that access was not given', async () => {
    google.consent.denied = true;
    expect(await tried()).toMatchObject({ status: 400, body: expect.stringContaining('access_denied') });
  });

  it('says which box must stay ticked', async () => {
    google.consent.withheldScopes = [MAIL];
    const count = (await connectionsOf(alice.id)).length;
    expect(await tried()).toMatchObject({ status: 400, body: expect.stringContaining('leave every box ticked') });
    expect(await connectionsOf(alice.id)).toHaveLength(count);
  });

  it('says that Google is away', async () => {
    google.faults.tokensDown = true;
    expect(await tried()).toMatchObject({ status: 503, body: expect.stringContaining('provider_unavailable') });
  });

  it('says so when our own database is away, and can then be tried again', async () => {
    const ann = browser();
    const back = await consent((await ann.start()).body.data.url);
    api.db.breakWith(new UnavailableError('the database is away'));
    const reply = await ann.callback(back);
    api.db.breakWith(undefined);
    expect(reply).toMatchObject({ status: 500, body: expect.stringContaining('internal_error') });
    expect((await ann.callback(back)).status).toBe(200);
  });

  it('tells the operator, not the user, that the client is not known to Google', async () => {
    const wrong = await startApiFor({ ...google, client: { ...google.client, secret: 'not-it' } });
    onTestFinished(() => wrong.stop());
    const { body } = await wrong.call('GET', '/api/connections/google/start', service(randomUUID()));
    const reply = await browser().callback(await consent(body.data.url), wrong);
    expect(reply).toMatchObject({ status: 501, body: expect.stringContaining('not_configured') });
    expect(heard.lines()).toContainEqual(
      expect.objectContaining({ event: 'oauth.not_connected', reason: 'not_configured', detail: 'provider_auth' }),
    );
  });

  it('cannot begin where the server is not set up for it, and says what to set', async () => {
    const [noKey, noClient] = await Promise.all([startApiFor(google, undefined, []), startApi({ oauth: { tokenKeys: [key] } })]);
    onTestFinished(() => Promise.all([noKey.stop(), noClient.stop()]).then(() => undefined));
    const start = (at: Api, provider = 'google') => at.call('GET', `/api/connections/${provider}/start`, service(randomUUID()));
    expect(await start(noKey)).toMatchObject({ status: 501, body: { error: { code: 'token_key_missing' } } });
    const missing = { code: 'provider_not_configured', message: expect.stringContaining('GOOGLE_CLIENT_ID') };
    expect(await start(noClient)).toMatchObject({ status: 501, body: { error: missing } });
    expect(await start(api, 'microsoft')).toMatchObject({ status: 501, body: { error: { code: 'not_there_yet' } } });
    expect((await start(api, 'yahoo')).status).toBe(400);
  });

  it('without a lasting token keeps the one that is stored, and is refused where there is none', async () => {
    const emailless = async (userId: string, email: string) => {
      const { body } = await api.call('GET', '/api/connections/google/start', service(userId));
      const url = new URL(body.data.url);
      url.searchParams.set('access_type', 'online');
      return browser().callback(await consent(url.href, email));
    };
    const [before] = await connectionsOf(alice.id);
    const kept = (await api.db.connections.read(before?.id ?? ''))?.tokens.refreshToken;
    expect((await emailless(alice.id, 'ann@example.com')).status).toBe(200);
    expect((await api.db.connections.read(before?.id ?? ''))?.tokens.refreshToken).toBe(kept);
    expect(await emailless(randomUUID(), 'eve@example.com')).toMatchObject({ status: 400, body: expect.stringContaining('no_refresh_token') });
  });
});

describe('disconnecting', () => {
  const account = (email: string) => connectAccount({ db: api.db, vault, google }, { email });

  it('forgets the account and takes its access back at Google', async () => {
    google.addAccount('dan@example.com');
    const { id, userId, accessToken } = await account('dan@example.com');
    expect(await api.call('DELETE', `/api/connections/${id}`, service(userId))).toMatchObject({
      status: 200,
      body: { success: true, data: { id, revoked: true } },
    });
    expect(await api.db.connections.get(id)).toBeUndefined();
    const profile = await fetch(`${google.url}/gmail/v1/users/me/profile`, { headers: { authorization: `Bearer ${accessToken}` } });
    expect(profile.status).toBe(401);
    expect((await api.call('DELETE', `/api/connections/${id}`, service(userId))).status).toBe(404);
  });

  it('is for its user alone', async () => {
    const { id } = await account('ann@example.com');
    for (const options of [{ jwt: alice.jwt }, service(randomUUID())]) {
      expect((await api.call('DELETE', `/api/connections/${id}`, options)).status).toBe(404);
    }
    expect(await api.db.connections.get(id)).toBeDefined();
    expect((await api.call('DELETE', '/api/connections/none')).status).toBe(400);
  });

  it('leaves the access of another user with the same account alone', async () => {
    google.addAccount('shared@example.com');
    const [one, other] = [await account('shared@example.com'), await account('shared@example.com')];
    expect((await api.call('DELETE', `/api/connections/${one.id}`)).body.data).toEqual({ id: one.id, revoked: false });
    expect(google.requests.counts.revoke).toBe(0);
    expect((await api.call('DELETE', `/api/connections/${other.id}`)).body.data.revoked).toBe(true);
  });

  it('works while Google is away, and for tokens that do not open', async () => {
    const away = await startApiFor({ ...google, tokenUrl: `http://127.0.0.1:${await freePort()}/token` });
    onTestFinished(() => away.stop());
    google.addAccount('far@example.com');
    const one = await account('far@example.com');
    expect((await away.call('DELETE', `/api/connections/${one.id}`)).body.data).toEqual({ id: one.id, revoked: false });
    const foreign = await connectAccount({ db: api.db, vault: createVault([newKey('lost')]), google }, { email: 'far@example.com' });
    expect((await api.call('DELETE', `/api/connections/${foreign.id}`)).body.data.revoked).toBe(false);
    expect(await api.db.connections.get(foreign.id)).toBeUndefined();
  });
});

describe('with an emulator that nobody here wrote', () => {
  it('connects an account, hands out a fresh token for it, and hears that it was disconnected', async () => {
    const client = { id: 'emulated.apps.googleusercontent.com', secret: 'GOCSPX-emulated' };
    const redirect = 'https://jobs.example.com/api/connections/google/callback';
    const emulator = await startEmulator({
      google: {
        users: [{ email: 'test@example.com', name: 'Test' }],
        oauth_clients: [{ client_id: client.id, client_secret: client.secret, name: 'Hivepulse', redirect_uris: [redirect] }],
      },
    });
    const own = await startApiFor({ client, authUrl: `${emulator.url}/o/oauth2/v2/auth`, tokenUrl: `${emulator.url}/oauth2/token` });
    onTestFinished(() => own.stop());
    const userId = randomUUID();
    const { body } = await own.call('GET', '/api/connections/google/start', service(userId));
    const page = await (await fetch(body.data.url)).text();
    const fields = [...page.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value.replaceAll('&amp;', '&')]);
    const chosen = await fetch(`${emulator.url}/o/oauth2/v2/auth/callback`, {
      method: 'POST',
      body: new URLSearchParams(Object.fromEntries(fields)),
      redirect: 'manual',
    });
    const back = new URL(chosen.headers.get('location') ?? '');
    expect(await browser().callback(`${back.pathname}${back.search}`, own)).toMatchObject({
      status: 200,
      body: expect.stringContaining('test@example.com is connected'),
    });
    const [connection] = await connectionsOf(userId);
    const stored = await own.db.connections.read(connection?.id ?? '');
    if (!connection || !stored) throw new Error('not connected');

    const first = vault.open(stored.tokens.accessToken ?? '', tokenContext(stored, 'access'));
    const { accounts } = own.oauth;
    expect(await accounts.accessToken(connection.id)).toBe(first);
    const second = await accounts.accessToken(connection.id, { rejected: first });
    expect(second).toMatch(/^google_/);
    expect(second).not.toBe(first);

    const revoked = new URLSearchParams({ token: vault.open(stored.tokens.refreshToken ?? '', tokenContext(stored, 'refresh')) });
    await fetch(`${emulator.url}/oauth2/revoke`, { method: 'POST', body: revoked });
    await expect(accounts.accessToken(connection.id, { rejected: second })).rejects.toMatchObject({ code: 'reauth_required' });
    expect((await own.db.connections.get(connection.id))?.status).toBe('reauth_required');
    expect((await own.call('DELETE', `/api/connections/${connection.id}`)).body.data.revoked).toBe(true);
  });
});

it('nothing secret is ever logged', async () => {
  const ann = browser();
  const { body } = await ann.start();
  const back = await consent(body.data.url);
  expect((await ann.callback(back)).status).toBe(200);
  await eventually(() => expect(heard.text()).toContain('oauth.connected'));
  const [connection] = await connectionsOf(alice.id);
  const { tokens, ...owner } = (await api.db.connections.read(connection?.id ?? '')) ?? expect.fail('no account');
  const { searchParams } = new URL(back, 'http://api');
  const secrets = [
    vault.open(tokens.accessToken ?? '', tokenContext(owner, 'access')),
    vault.open(tokens.refreshToken ?? '', tokenContext(owner, 'refresh')),
    tokens.accessToken,
    searchParams.get('code'),
    searchParams.get('state'),
    ann.cookie()?.split('=')[1],
    google.client.secret,
    KEY,
    key.key,
  ];
  for (const secret of secrets) {
    expect(secret).toBeTruthy();
    expect(heard.text()).not.toContain(secret);
  }
});
