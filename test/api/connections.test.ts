import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type GoogleStandIn, READ_SCOPES, startGoogle } from '../../demo/stand-ins/google/server.ts';
import { UnavailableError } from '../../lib/errors.ts';
import { hasAccess } from '../../lib/oauth/access.ts';
import { createVault, tokenContext } from '../../lib/oauth/vault.ts';
import { asGoogle, type StandIn, startStandIn } from '../oauth/stand-ins.ts';
import { connectAccount, listeningLog, newKey } from '../oauth/world.ts';
import { startEmulator } from '../support/google.ts';
import { freePort } from '../support/port.ts';
import { type Api, type CallOptions, eventually, KEY, type Reply, startApi } from './world.ts';

const MAIL = 'https://www.googleapis.com/auth/gmail.readonly';
const DRIVE = 'https://www.googleapis.com/auth/drive.readonly';
const GRAPH = ['Mail.Read', 'Files.Read.All', 'Sites.Read.All'];
const APP = 'https://app.example.com';
const key = newKey('current');
const vault = createVault([key]);

const PROVIDERS = ['google', 'microsoft'] as const;
type Server = Pick<StandIn, 'name' | 'client' | 'authUrl' | 'tokenUrl'>;

let google: GoogleStandIn;
let standIns: Record<(typeof PROVIDERS)[number], StandIn>;
let heard: Awaited<ReturnType<typeof listeningLog>>;
let api: Api;
let alice: { id: string; jwt: string };
beforeAll(async () => {
  google = await startGoogle({ accounts: { 'ann@example.com': [], 'eve@example.com': [] } });
  standIns = { google: asGoogle(google), microsoft: await startStandIn.microsoft() };
  standIns.microsoft.addAccount('eve@example.com');
  heard = await listeningLog();
  api = await startApiFor(Object.values(standIns));
  alice = await api.db.signUp();
});
afterAll(async () => {
  await api?.stop();
  await Promise.all(Object.values(standIns ?? {}).map((one) => one.stop()));
});
beforeEach(() => {
  for (const one of Object.values(standIns)) one.reset();
});

function startApiFor(servers: readonly Server[], tokenKeys = [key]): Promise<Api> {
  const settingsOf = (name: Server['name']) => {
    const { client, authUrl, tokenUrl } = servers.find((one) => one.name === name) ?? {};
    return client && authUrl && tokenUrl ? { clientId: client.id, clientSecret: client.secret, authUrl, tokenUrl } : {};
  };
  return startApi({
    log: heard.log,
    options: { publicUrl: 'https://jobs.example.com', corsOrigins: [APP] },
    oauth: { tokenKeys, google: settingsOf('google'), microsoft: { tenantId: 'common', ...settingsOf('microsoft') } },
  });
}

/** A browser, as far as cookies go. */
function browser() {
  let cookie: string | undefined;
  return {
    cookie: () => cookie,
    async start(query = '', options: CallOptions = { jwt: alice.jwt }, provider: string = 'google'): Promise<Reply> {
      const headers = { ...options.headers, ...(cookie === undefined ? {} : { cookie }) };
      const reply = await api.call('GET', `/api/connections/${provider}/start${query}`, { ...options, headers });
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
  const asked = {
    google: { scope: `openid email ${MAIL}`, access_type: 'offline', prompt: 'consent', include_granted_scopes: 'true' },
    microsoft: { scope: `openid profile email offline_access ${GRAPH.join(' ')}`, response_mode: 'query', prompt: 'select_account' },
  };
  const granted = { google: READ_SCOPES, microsoft: GRAPH };
  const refreshTokens = { google: /^1\/\/0/, microsoft: /^1\.AVYA\./ };

  it.each(PROVIDERS)('at %s goes to the consent page and comes back connected, with tokens that only the vault opens', async (provider) => {
    const at = standIns[provider];
    const user = provider === 'google' ? alice : await api.db.signUp();
    const ann = browser();
    const started = await ann.start('', { jwt: user.jwt }, provider);
    const page = new URL(started.body.data.url);
    expect(started.status).toBe(200);
    expect(`${page.origin}${page.pathname}`).toBe(at.authUrl);
    expect(Object.fromEntries(page.searchParams)).toEqual({
      response_type: 'code',
      client_id: at.client.id,
      redirect_uri: `https://jobs.example.com/api/connections/${provider}/callback`,
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      ...asked[provider],
    });
    expect(started.headers.get('set-cookie')).toMatch(
      /^hivepulse_connect=[\w-]{43}; Path=\/api\/connections; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
    );
    const landed = await ann.callback(await consent(page.href));
    expect(landed.status).toBe(200);
    expect(landed.body).toContain('ann@example.com is connected');

    const [connection] = await connectionsOf(user.id);
    const accountId = at.accountIdOf('ann@example.com');
    expect(connection).toMatchObject({ provider, accountId, email: 'ann@example.com', status: 'active', scopes: granted[provider] });
    const { tokens, ...account } = (await api.db.connections.read(connection?.id ?? '')) ?? expect.fail('no account');
    expect(vault.open(tokens.accessToken ?? '', tokenContext(account, 'access'))).toMatch(at.tokens);
    expect(vault.open(tokens.refreshToken ?? '', tokenContext(account, 'refresh'))).toMatch(refreshTokens[provider]);
    expect(Date.parse(tokens.accessExpiresAt ?? '')).toBeGreaterThan(Date.now() + 3_500_000);
  });

  it('sees it, and nobody else does; no token is ever shown', async () => {
    const { id, refreshToken } = await connectAccount({ db: api.db, vault, at: standIns.google }, { email: 'ann@example.com' });
    const owner = (await api.db.connections.get(id))?.userId ?? '';
    const lists = await Promise.all([
      api.call('GET', '/api/connections', { jwt: alice.jwt }),
      api.call('GET', '/api/connections', service(owner)),
      api.call('GET', '/api/connections'),
    ]);
    const idsIn = ({ body }: Reply): string[] => body.data.connections.map((one: { id: string }) => one.id);
    expect(lists.map((list) => idsIn(list).includes(id))).toEqual([false, true, true]);
    expect(idsIn(lists[1] ?? expect.fail())).toEqual([id]);
    const [own] = (lists[0] ?? expect.fail()).body.data.connections;
    expect(own).toMatchObject({ scopes: READ_SCOPES, access: ['mail'] });
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

  describe.each(PROVIDERS)('at %s', (provider) => {
    const userId = randomUUID();
    const start = async (): Promise<string> => (await browser().start('', service(userId), provider)).body.data.url;

    it('cannot put his own code into another’s round trip', async () => {
      const mine = await consent(await start());
      const theirs = await consent(await start(), 'eve@example.com');
      const code = new URL(theirs, 'http://api').searchParams.get('code') ?? '';
      expectPage(await browser().callback(withQuery(mine, { code })), 400, 'code_refused');
      expect(await connectionsOf(userId)).toEqual([]);
    });

    it('cannot pass off an identity that was made for another round trip', async () => {
      const page = new URL(await start());
      page.searchParams.set('nonce', randomBytes(32).toString('base64url'));
      expectPage(await browser().callback(await consent(page.href)), 400, 'identity_refused');
    });

    it('cannot send an answer of another server, or one without a code, or to another provider', async () => {
      const back = async () => consent(await start());
      expectPage(await browser().callback(`${await back()}&iss=https%3A%2F%2Fevil.example`), 400, 'identity_refused');
      expectPage(await browser().callback(withQuery(await back(), { code: undefined })), 400, 'identity_refused');
      const other = provider === 'google' ? 'microsoft' : 'google';
      expectPage(await browser().callback((await back()).replace(provider, other)), 400, 'link_expired');
      expect(standIns[provider].tokenCalls()).toBe(0);
    });
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
  describe.each(PROVIDERS)('at %s', (provider) => {
    const userId = randomUUID();
    async function tried(at: Api = api): Promise<Reply> {
      const { body } = await at.call('GET', `/api/connections/${provider}/start`, service(userId));
      return browser().callback(await consent(body.data.url), at);
    }

    it('says that access was not given', async () => {
      standIns[provider].consent.denied = true;
      expect(await tried()).toMatchObject({ status: 400, body: expect.stringContaining('access_denied') });
    });

    it('says which box must stay ticked', async () => {
      standIns[provider].consent.withheldScopes = [MAIL, 'Mail.Read'];
      expect(await tried()).toMatchObject({ status: 400, body: expect.stringMatching(/not to your mail\. Start again, and leave every box ticked/) });
      expect(await connectionsOf(userId)).toEqual([]);
    });

    it('says that the provider is away', async () => {
      standIns[provider].faults.tokensDown = true;
      expect(await tried()).toMatchObject({ status: 503, body: expect.stringContaining('provider_unavailable') });
    });

    it('tells the operator, not the user, that the client is not known there', async () => {
      const { client } = standIns[provider];
      const wrong = await startApiFor([{ ...standIns[provider], client: { ...client, secret: 'not-it' } }]);
      onTestFinished(() => wrong.stop());
      expect(await tried(wrong)).toMatchObject({ status: 501, body: expect.stringContaining('not_configured') });
      expect(heard.lines()).toContainEqual(
        expect.objectContaining({ event: 'oauth.not_connected', provider, reason: 'not_configured', detail: 'provider_auth' }),
      );
    });
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

  it('cannot begin where the server is not set up for it, and says what to set', async () => {
    const [noKey, noClient] = await Promise.all([startApiFor(Object.values(standIns), []), startApi({ oauth: { tokenKeys: [key] } })]);
    onTestFinished(() => Promise.all([noKey.stop(), noClient.stop()]).then(() => undefined));
    const start = (at: Api, provider: string) => at.call('GET', `/api/connections/${provider}/start`, service(randomUUID()));
    for (const provider of PROVIDERS) {
      expect(await start(noKey, provider)).toMatchObject({ status: 501, body: { error: { code: 'token_key_missing' } } });
      const missing = { code: 'provider_not_configured', message: expect.stringContaining(`${provider.toUpperCase()}_CLIENT_ID`) };
      expect(await start(noClient, provider)).toMatchObject({ status: 501, body: { error: missing } });
    }
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

describe('an account', () => {
  /** The scopes that were asked for, beside those that say who it is. */
  async function connectFor(userId: string, provider: Server['name'], query = '', email = 'ann@example.com') {
    const { body } = await browser().start(query, service(userId), provider);
    const page = new URL(body.data.url);
    const landed = await browser().callback(await consent(page.href, email));
    const identity = ['openid', 'profile', 'email', 'offline_access'];
    return {
      landed,
      asked: page.searchParams
        .get('scope')
        ?.split(' ')
        .filter((scope) => !identity.includes(scope)),
    };
  }
  const accessOf = async (userId: string) =>
    (await connectionsOf(userId)).map((one) => (['mail', 'files'] as const).filter((access) => hasAccess(one, access)).join()).sort();

  it.each([
    ['google', '?access=mail', [MAIL], 'mail'],
    ['google', '?access=files', [DRIVE], 'files'],
    ['google', '?access=files,mail', [MAIL, DRIVE], 'mail,files'],
    ['microsoft', '?access=mail', ['Mail.Read'], 'mail'],
    ['microsoft', '?access=files', ['Files.Read.All', 'Sites.Read.All'], 'files'],
    ['microsoft', '?access=mail,files', GRAPH, 'mail,files'],
  ] as const)('at %s is connected for what is asked for: %s', async (provider, query, scopes, access) => {
    const email = `${randomUUID()}@example.com`;
    standIns[provider].addAccount(email);
    const userId = randomUUID();
    expect((await connectFor(userId, provider, query, email)).asked).toEqual(scopes);
    expect(await accessOf(userId)).toEqual([access]);
  });

  it.each(PROVIDERS)('at %s that is connected for mail keeps it when files are asked for', async (provider) => {
    const email = `${randomUUID()}@example.com`;
    standIns[provider].addAccount(email);
    const userId = randomUUID();
    await connectFor(userId, provider, '?access=mail', email);
    const { asked } = await connectFor(userId, provider, '?access=files', email);
    // Google adds what was granted before; Microsoft is asked for all of it again.
    expect(asked).toEqual(provider === 'google' ? [DRIVE] : GRAPH);
    expect(await accessOf(userId)).toEqual(['mail,files']);
  });

  it('is not asked for what only another one of its user is connected for, where the address tells', async () => {
    const userId = randomUUID();
    await connectFor(userId, 'microsoft', '?access=files', 'eve@example.com');
    await connectFor(userId, 'microsoft', '?access=mail&loginHint=nobody@example.com', 'ann@example.com');
    // Nobody knows which one it will be: of all of them.
    expect(await accessOf(userId)).toEqual(['files', 'mail,files']);
    const again = await connectFor(userId, 'microsoft', '?access=files&loginHint=Eve@example.com', 'eve@example.com');
    expect(again.asked).toEqual(['Files.Read.All', 'Sites.Read.All']);
  });

  it('that lacks what was asked for stays as it was, and only what was asked for is needed', async () => {
    const userId = randomUUID();
    await connectFor(userId, 'google');
    google.consent.withheldScopes = [DRIVE];
    const { landed } = await connectFor(userId, 'google', '?access=files');
    expect(landed).toMatchObject({ status: 400, body: expect.stringContaining('not to your files') });
    expect(await accessOf(userId)).toEqual(['mail']);
    google.consent.withheldScopes = [MAIL];
    expect((await connectFor(userId, 'google', '?access=files')).landed.status).toBe(200);
    expect(await accessOf(userId)).toEqual(['files']);
    expect(heard.lines()).toContainEqual(expect.objectContaining({ event: 'oauth.not_connected', userId, reason: 'scope_missing', detail: 'files' }));
  });

  it.each(['calendar', 'mail,', '', 'mail;files', 'MAIL'])('cannot be connected for "%s"', async (access) => {
    const reply = await browser().start(`?access=${encodeURIComponent(access)}`);
    expect(reply).toMatchObject({ status: 400, body: { error: { details: { issues: [{ path: 'query.access' }] } } } });
  });
});

describe('disconnecting', () => {
  const account = (email: string) => connectAccount({ db: api.db, vault, at: standIns.google }, { email });

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

  it('is up to the user himself at Microsoft, and the answer says where', async () => {
    const { id, userId } = await connectAccount({ db: api.db, vault, at: standIns.microsoft });
    const { body } = await api.call('DELETE', `/api/connections/${id}`, service(userId));
    expect(body.data).toEqual({ id, revoked: false, grantsUrl: 'https://myapps.microsoft.com' });
    expect(await api.db.connections.get(id)).toBeUndefined();
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
    const away = await startApiFor([{ ...standIns.google, tokenUrl: `http://127.0.0.1:${await freePort()}/token` }]);
    onTestFinished(() => away.stop());
    google.addAccount('far@example.com');
    const one = await account('far@example.com');
    expect((await away.call('DELETE', `/api/connections/${one.id}`)).body.data).toEqual({ id: one.id, revoked: false });
    const foreign = await connectAccount({ db: api.db, vault: createVault([newKey('lost')]), at: standIns.google }, { email: 'far@example.com' });
    expect((await api.call('DELETE', `/api/connections/${foreign.id}`)).body.data.revoked).toBe(false);
    expect(await api.db.connections.get(foreign.id)).toBeUndefined();
  });
});

describe('with an emulator that nobody here wrote', () => {
  const emulated = {
    google: { auth: '/o/oauth2/v2/auth', token: '/oauth2/token', revoke: '/oauth2/revoke', rotates: false, gone: { revoked: true } },
    microsoft: {
      ...{ auth: '/oauth2/v2.0/authorize', token: '/oauth2/v2.0/token', revoke: '/oauth2/v2.0/revoke', rotates: true },
      // Its users are of the tenant of personal accounts.
      gone: { revoked: false, grantsUrl: 'https://account.live.com/consent/Manage' },
    },
  };

  it.each(PROVIDERS)('connects an account of %s, hands out fresh tokens for it, and hears that it was disconnected', async (name) => {
    const { auth, token, revoke, rotates, gone } = emulated[name];
    const client = { id: 'emulated.apps.example.com', secret: 'GOCSPX-emulated' };
    const redirect = `https://jobs.example.com/api/connections/${name}/callback`;
    const seed = {
      users: [{ email: 'test@example.com', name: 'Test' }],
      oauth_clients: [{ client_id: client.id, client_secret: client.secret, name: 'Hivepulse', redirect_uris: [redirect] }],
    };
    const emulator = await startEmulator({ [name]: seed }, name);
    const own = await startApiFor([{ name, client, authUrl: `${emulator.url}${auth}`, tokenUrl: `${emulator.url}${token}` }]);
    onTestFinished(() => own.stop());
    const userId = randomUUID();
    const { body } = await own.call('GET', `/api/connections/${name}/start`, service(userId));
    const page = await (await fetch(body.data.url)).text();
    const fields = [...page.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, field = '', value = '']) => [field, value.replaceAll('&amp;', '&')]);
    const form = new URLSearchParams({ ...Object.fromEntries(fields), email: 'test@example.com' });
    const chosen = await fetch(`${emulator.url}${auth}/callback`, { method: 'POST', body: form, redirect: 'manual' });
    const back = new URL(chosen.headers.get('location') ?? '');
    expect(await browser().callback(`${back.pathname}${back.search}`, own)).toMatchObject({
      status: 200,
      body: expect.stringContaining('test@example.com is connected'),
    });
    const [connection] = await connectionsOf(userId);
    const { id } = connection ?? expect.fail('not connected');
    const opened = async (which: 'access' | 'refresh') => {
      const stored = (await own.db.connections.read(id)) ?? expect.fail('not connected');
      return vault.open(stored.tokens[`${which}Token`] ?? '', tokenContext(stored, which));
    };

    const [first, firstRefresh] = [await opened('access'), await opened('refresh')];
    const { accounts } = own.oauth;
    expect(await accounts.accessToken(id)).toBe(first);
    const second = await accounts.accessToken(id, { rejected: first });
    expect(second).toMatch(new RegExp(`^${name}_`));
    // Where each refresh token is good once, only the newest can have got this one.
    const third = await accounts.accessToken(id, { rejected: second });
    expect(new Set([first, second, third]).size).toBe(3);
    expect((await opened('refresh')) !== firstRefresh).toBe(rotates);

    await fetch(`${emulator.url}${revoke}`, { method: 'POST', body: new URLSearchParams({ token: await opened('refresh') }) });
    await expect(accounts.accessToken(id, { rejected: third })).rejects.toMatchObject({ code: 'reauth_required' });
    expect((await own.db.connections.get(id))?.status).toBe('reauth_required');
    expect((await own.call('DELETE', `/api/connections/${id}`)).body.data).toEqual({ id, ...gone });
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
