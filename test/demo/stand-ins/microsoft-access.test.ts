import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { MicrosoftStandIn } from '../../../demo/stand-ins/microsoft/contract.ts';
import { freePort } from '../../support/port.ts';
import { graphOf, ME, refusal, withMicrosoft } from './graph-client.ts';

const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 22, 12);
const REDIRECT = 'http://localhost/callback';

async function withClock() {
  const clock = { at: START, now: () => clock.at };
  return { clock, microsoft: await withMicrosoft({ clock }) };
}

interface TokenAnswer {
  access_token: string;
  refresh_token: string;
  id_token: string;
  scope: string;
  [other: string]: unknown;
}

describe('sign-in', () => {
  const SCOPES = 'openid profile email offline_access User.Read https://graph.microsoft.com/Mail.Read';
  const verifier = randomBytes(32).toString('base64url');

  /** Follows the consent page; the query of the way back. */
  async function consentTo(microsoft: MicrosoftStandIn, options: Record<string, string> = {}): Promise<URLSearchParams> {
    const url = new URL(microsoft.authUrl);
    const code_challenge = createHash('sha256').update(verifier).digest('base64url');
    const query = { client_id: microsoft.client.id, response_type: 'code', redirect_uri: REDIRECT, scope: SCOPES, state: 'abc', nonce: 'n-1' };
    url.search = new URLSearchParams({ ...query, code_challenge, code_challenge_method: 'S256', ...options }).toString();
    const response = await fetch(url, { redirect: 'manual' });
    expect(response.status).toBe(302);
    return new URL(response.headers.get('location') ?? '').searchParams;
  }
  async function ask(microsoft: MicrosoftStandIn, form: Record<string, string>) {
    const body = new URLSearchParams({ client_id: microsoft.client.id, client_secret: microsoft.client.secret, ...form });
    const response = await fetch(microsoft.tokenUrl, { method: 'POST', body });
    const answer: TokenAnswer = JSON.parse(await response.text());
    return { status: response.status, body: answer };
  }
  const exchange = (microsoft: MicrosoftStandIn, code: string | null, more: Record<string, string> = {}) =>
    ask(microsoft, { grant_type: 'authorization_code', code: code ?? '', redirect_uri: REDIRECT, code_verifier: verifier, ...more });
  const refresh = (microsoft: MicrosoftStandIn, token: string, more: Record<string, string> = {}) =>
    ask(microsoft, { grant_type: 'refresh_token', refresh_token: token, ...more });

  it('answers a code with tokens, an id token by its own key, and without sign-in scopes', async () => {
    const microsoft = await withMicrosoft();
    const back = await consentTo(microsoft);
    expect(back.get('state')).toBe('abc');
    const { status, body } = await exchange(microsoft, back.get('code'));
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 3_599, scope: 'User.Read https://graph.microsoft.com/Mail.Read' });
    const keys: JSONWebKeySet = JSON.parse(await (await fetch(`${microsoft.url}/common/discovery/v2.0/keys`)).text());
    const { payload } = await jwtVerify(body.id_token, createLocalJWKSet(keys), { audience: microsoft.client.id, algorithms: ['RS256'] });
    expect(payload.iss).toBe(`https://login.microsoftonline.com/${payload.tid}/v2.0`);
    expect(payload).toMatchObject({ nonce: 'n-1', email: ME, preferred_username: ME, ver: '2.0' });
    const me = await (await fetch(`${microsoft.url}/v1.0/me`, { headers: { authorization: `Bearer ${body.access_token}` } })).json();
    expect(me).toMatchObject({ id: payload.oid, mail: ME });
  });

  it('leaves out what was not asked for or not allowed', async () => {
    const microsoft = await withMicrosoft();
    microsoft.consent.withheldScopes.push('Mail.Read');
    const plain = await consentTo(microsoft, { scope: 'openid User.Read Mail.Read' });
    const { body } = await exchange(microsoft, plain.get('code'));
    expect(body).not.toHaveProperty('refresh_token');
    expect(body.scope).toBe('User.Read');
    for (const claim of ['email', 'oid', 'preferred_username']) expect(decodeJwt(body.id_token)).not.toHaveProperty(claim);
    microsoft.consent.denied = true;
    const denied = await consentTo(microsoft);
    expect(denied.get('error')).toBe('access_denied');
    expect(denied.get('error_description')).toMatch(/^AADSTS65004: /);
    expect((await consentTo(microsoft, { scope: 'openid Mail.ReadAllOfIt Nothing.Of.This' })).get('error')).toBe('invalid_client');
  });

  it('lets somebody choose where there are two, by page or by hint, and posts the answer where that is asked for', async () => {
    const microsoft = await withMicrosoft();
    microsoft.addAccount('you@example.com');
    const query = `client_id=${microsoft.client.id}&response_type=code&redirect_uri=${REDIRECT}&scope=openid`;
    expect(await (await fetch(`${microsoft.authUrl}?${query}`)).text()).toMatch(/Sign in as me@example.com.*Sign in as you@example.com/);
    expect((await consentTo(microsoft, { prompt: 'none' })).get('error')).toBe('login_required');
    const { body } = await exchange(microsoft, (await consentTo(microsoft, { login_hint: 'you@example.com' })).get('code'));
    expect(decodeJwt(body.id_token).email).toBe('you@example.com');
    const posted = await (await fetch(`${microsoft.authUrl}?${query}&login_hint=${ME}&response_mode=form_post`)).text();
    expect(posted).toMatch(/<form method="POST" action="http:\/\/localhost\/callback">.*name="code"/);
    expect((await fetch(`${microsoft.authUrl}?${query.replace(microsoft.client.id, 'other')}`)).status).toBe(400);
  });

  it('gives another refresh token each time; the one before ends some minutes later', async () => {
    const { clock, microsoft } = await withClock();
    const { refreshToken } = microsoft.issueTokens(ME);
    const first = await refresh(microsoft, refreshToken);
    expect(first.status).toBe(200);
    expect(first.body.refresh_token).not.toBe(refreshToken);
    expect((await refresh(microsoft, refreshToken)).status).toBe(200);
    clock.at += 6 * MINUTE;
    expect(await refresh(microsoft, refreshToken)).toMatchObject({ status: 400, body: { error: 'invalid_grant', error_codes: [70000] } });
    expect((await refresh(microsoft, first.body.refresh_token)).status).toBe(200);
    const more = await refresh(microsoft, first.body.refresh_token, { scope: 'Files.ReadWrite.All' });
    expect(more).toMatchObject({ status: 400, body: { error: 'invalid_grant', suberror: 'consent_required' } });
  });

  it('refuses what was revoked, expired, used before or proved by nothing', async () => {
    const { clock, microsoft } = await withClock();
    const code = (await consentTo(microsoft)).get('code');
    expect(await exchange(microsoft, code, { code_verifier: 'x'.repeat(43) })).toMatchObject({ status: 400, body: { error_codes: [501481] } });
    expect(await exchange(microsoft, code, { redirect_uri: 'http://localhost/other' })).toMatchObject({ body: { error: 'invalid_grant' } });
    expect(await exchange(microsoft, code, { client_secret: 'wrong' })).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    const { body } = await exchange(microsoft, code);
    expect(await exchange(microsoft, code)).toMatchObject({ status: 400, body: { error: 'invalid_grant', error_codes: [54005] } });
    const late = (await consentTo(microsoft)).get('code');
    clock.at += 11 * MINUTE;
    expect(await exchange(microsoft, late)).toMatchObject({ body: { error_codes: [70008] } });
    microsoft.faults.tokensDown = true;
    expect((await refresh(microsoft, body.refresh_token)).status).toBe(503);
    microsoft.faults.clear();
    microsoft.revoke(ME);
    expect(await refresh(microsoft, body.refresh_token)).toMatchObject({
      status: 400,
      body: {
        error: 'invalid_grant',
        suberror: 'bad_token',
        error_codes: [50173],
        error_description: expect.stringMatching(/^AADSTS50173: .*Trace ID/),
      },
    });
  });

  it('lets tokens end', async () => {
    const { clock, microsoft } = await withClock();
    const graph = graphOf(microsoft);
    await graph.api('/me').get();
    clock.at += 60 * MINUTE;
    expect(await refusal(graph.api('/me').get())).toMatchObject({ status: 401, code: 'InvalidAuthenticationToken' });
    const other = graphOf(microsoft);
    microsoft.expireTokens();
    const { status, headers } = await refusal(other.api('/me').get());
    expect(status).toBe(401);
    expect(headers.get('request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect((await fetch(`${microsoft.url}/v1.0/me`)).status).toBe(401);
  });
});

describe('a token without the scope', () => {
  it.each([
    ['/me', ['Mail.Read'], 'Authorization_RequestDenied'],
    ['/me/messages', ['User.Read', 'Files.Read.All'], 'ErrorAccessDenied'],
    ['/me/mailFolders/inbox/messages/delta', ['Mail.ReadBasic'], 'ErrorAccessDenied'],
    ['/me/drive/root/delta', ['User.Read', 'Mail.Read'], 'accessDenied'],
    ['{library}/root/delta', ['Files.Read'], 'accessDenied'],
    ['{library}/root/delta', ['Sites.Read.All'], undefined],
    ['{library}/root/delta', ['Files.Read.All'], undefined],
    ['/me/drive/root', ['Files.Read'], undefined],
    ['/sites/contoso.sharepoint.com:/sites/nova', ['Files.Read.All'], 'accessDenied'],
    ['/sites/contoso.sharepoint.com:/sites/nova', ['Sites.Read.All'], undefined],
    ['{other}/root', ['Files.Read.All'], 'accessDenied'],
    ['/users/you@example.com/messages', ['Mail.Read'], 'ErrorAccessDenied'],
  ])('asks for %s with %j: %s', async (path, scopes, code) => {
    const microsoft = await withMicrosoft();
    const site = microsoft.addSite({ host: 'contoso.sharepoint.com', path: '/sites/nova' });
    const other = microsoft.addAccount('you@example.com');
    const asked = path.replace('{library}', `/drives/${site.drive.id}`).replace('{other}', `/drives/${other.drive.id}`);
    const call = graphOf(microsoft, scopes).api(asked).get();
    if (code === undefined) await call;
    else expect(await refusal(call)).toMatchObject({ status: 403, code });
  });
});

describe('a subscription', () => {
  const INBOX = "me/mailFolders('inbox')/messages";
  interface Hook {
    url: string;
    /** Bodies of notices. */
    notices: unknown[];
    answer: (token: string, response: ServerResponse) => void;
  }

  async function withHook(): Promise<Hook> {
    const port = await freePort();
    const hook: Hook = {
      url: `http://127.0.0.1:${port}/hook?source=graph`,
      notices: [],
      answer: (token, response) => response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(token),
    };
    const server = createServer((request, response) => void handle(hook, request, response));
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    onTestFinished(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return hook;
  }
  async function handle(hook: Hook, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const token = new URL(request.url ?? '', hook.url).searchParams.get('validationToken');
    if (token !== null) return hook.answer(token, response);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    hook.notices.push(JSON.parse(Buffer.concat(chunks).toString()));
    response.writeHead(202).end();
  }
  async function world() {
    const hook = await withHook();
    const { clock, microsoft } = await withClock();
    const graph = graphOf(microsoft);
    const wanted = (more: Record<string, unknown> = {}) => ({
      changeType: 'created,updated,deleted',
      notificationUrl: hook.url,
      lifecycleNotificationUrl: hook.url,
      resource: INBOX,
      expirationDateTime: new Date(START + 10_000 * MINUTE).toISOString(),
      clientState: 'secret',
      ...more,
    });
    return { hook, clock, microsoft, graph, wanted };
  }

  it('is made once its address has proved itself, sends notices, is renewed, and ends', async () => {
    const { hook, clock, microsoft, graph, wanted } = await world();
    const made = await graph.api('/subscriptions').header('Prefer', 'IdType="ImmutableId"').post(wanted());
    expect(made).toMatchObject({ resource: INBOX, clientState: 'secret', expirationDateTime: wanted().expirationDateTime });
    const subscription = microsoft.subscriptions.get(made.id);
    const mail = microsoft.account(ME).mailbox.addMail({ subject: 'Hi', body: 'Hi', from: { name: 'Ada', address: 'ada@example.org' } });
    expect((await subscription?.notify({ changeType: 'created', resourceId: mail }))?.status).toBe(202);
    await subscription?.lifecycle('missed');
    const about = {
      subscriptionId: made.id,
      clientState: 'secret',
      tenantId: expect.any(String),
      subscriptionExpirationDateTime: expect.any(String),
    };
    expect(hook.notices).toEqual([
      { value: [{ ...about, changeType: 'created', resource: expect.stringContaining(mail), resourceData: expect.objectContaining({ id: mail }) }] },
      { value: [{ ...about, lifecycleEvent: 'missed' }] },
    ]);
    const later = new Date(START + 10_080 * MINUTE).toISOString();
    expect((await graph.api(`/subscriptions/${made.id}`).patch({ expirationDateTime: later })).expirationDateTime).toBe(later);
    expect((await graph.api('/subscriptions').get()).value).toHaveLength(1);
    microsoft.addAccount('you@example.com');
    const theirs = microsoft.issueTokens('you@example.com').accessToken;
    expect((await fetch(`${microsoft.url}/v1.0/subscriptions/${made.id}`, { headers: { authorization: `Bearer ${theirs}` } })).status).toBe(404);
    clock.at += 10_081 * MINUTE;
    const again = graphOf(microsoft);
    expect(await refusal(again.api(`/subscriptions/${made.id}`).patch({ expirationDateTime: later }))).toMatchObject({ status: 404 });
    expect(microsoft.subscriptions.size).toBe(0);
  });

  it('of a drive is for its root and for those who may write, as it is documented', async () => {
    const { microsoft, graph, wanted } = await world();
    const site = microsoft.addSite({ host: 'contoso.sharepoint.com', path: '/sites/nova' });
    const drive = {
      resource: `/drives/${site.drive.id}/root`,
      changeType: 'updated',
      expirationDateTime: new Date(START + 42_300 * MINUTE).toISOString(),
    };
    expect(await refusal(graph.api('/subscriptions').post(wanted(drive)))).toMatchObject({ status: 403, code: 'accessDenied' });
    const writer = graphOf(microsoft, ['Files.ReadWrite.All']);
    const made = await writer.api('/subscriptions').post(wanted(drive));
    await writer.api(`/subscriptions/${made.id}`).delete();
    expect(microsoft.subscriptions.size).toBe(0);
    microsoft.lenient.readersMaySubscribe = true;
    await graph.api('/subscriptions').post(wanted(drive));
    const folder = site.drive.addFolder('Contracts');
    const refused = { ...drive, resource: `drives/${site.drive.id}/items/${folder}` };
    expect(await refusal(graph.api('/subscriptions').post(wanted(refused)))).toMatchObject({ status: 400, code: 'InvalidRequest' });
    expect(await refusal(graph.api('/subscriptions').post(wanted({ ...drive, changeType: 'created' })))).toMatchObject({ status: 400 });
  });

  it('lasts for 45 minutes at least', async () => {
    const { graph, wanted } = await world();
    const made = await graph.api('/subscriptions').post(wanted({ expirationDateTime: new Date(START + MINUTE).toISOString() }));
    expect(made.expirationDateTime).toBe(new Date(START + 45 * MINUTE).toISOString());
  });

  it.each([
    ['expires too late', { expirationDateTime: new Date(START + 10_081 * MINUTE).toISOString() }],
    ['has expired', { expirationDateTime: new Date(START - MINUTE).toISOString() }],
    ['expires some day', { expirationDateTime: 'tomorrow' }],
    ['has no lifecycle address', { lifecycleNotificationUrl: null }],
    ['is of nothing', { resource: 'me/everything' }],
    ['has too long a secret', { clientState: 'x'.repeat(129) }],
    ['is of another kind of change', { changeType: 'renamed' }],
    ['sends notices in the open', { notificationUrl: 'http://example.com/hook' }],
    ['has a field of its own', { colour: 'blue' }],
  ])('is refused where it %s', async (_, more) => {
    const { microsoft, graph, wanted } = await world();
    expect(await refusal(graph.api('/subscriptions').post(wanted(more)))).toMatchObject({ status: 400 });
    expect(microsoft.subscriptions.size).toBe(0);
  });

  it.each<[string, Hook['answer']]>([
    ['another status', (token, response) => response.writeHead(202, { 'content-type': 'text/plain' }).end(token)],
    ['another type', (token, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(token)],
    [
      'the token as it was in the address',
      (token, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end(encodeURIComponent(token)),
    ],
    ['nothing', (_, response) => response.destroy()],
  ])('is refused where its address answers the check with %s', async (_, answer) => {
    const { hook, graph, wanted } = await world();
    hook.answer = answer;
    expect(await refusal(graph.api('/subscriptions').post(wanted()))).toMatchObject({ status: 400, code: 'ValidationError' });
  });
});
