import { createRemoteJWKSet, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { type GoogleStandIn, READ_SCOPES } from '../../../demo/stand-ins/google/server.ts';
import { createFakeClock } from '../../support/clock.ts';
import { withGoogle } from '../../support/google.ts';
import { clientsOf, ME, oauthOf, refusal } from './gmail-client.ts';

const scope = [...READ_SCOPES];

/** Where the consent page sends the browser. */
async function followConsent(url: string): Promise<URLSearchParams> {
  const response = await fetch(url, { redirect: 'manual' });
  expect(response.status).toBe(302);
  return new URL(response.headers.get('location') ?? '').searchParams;
}

async function consentUrl(google: GoogleStandIn, options: { login_hint?: string; prompt?: string; access_type?: string } = {}) {
  const oauth = await oauthOf(google);
  const { codeVerifier, codeChallenge } = await oauth.generateCodeVerifierAsync();
  const plain = oauth.generateAuthUrl({ scope, state: 'my-state', access_type: 'offline', code_challenge: codeChallenge ?? '', ...options });
  // The enum of its methods is not exported by the Gmail package.
  const url = `${plain}&code_challenge_method=S256`;
  return { oauth, codeVerifier, url };
}

describe('the round trip', () => {
  it('gives tokens that work, and says who it is', async () => {
    const google = await withGoogle({ accounts: { [ME]: [] } });
    const { oauth, codeVerifier, url } = await consentUrl(google);
    const back = await followConsent(url);
    expect(back.get('state')).toBe('my-state');
    const { tokens } = await oauth.getToken({ code: back.get('code') ?? '', codeVerifier });
    oauth.setCredentials(tokens);
    expect(tokens).toMatchObject({ token_type: 'Bearer', scope: scope.join(' '), refresh_token: expect.any(String) });
    const { payload } = await jwtVerify(tokens.id_token ?? '', createRemoteJWKSet(new URL(google.certsUrl)), {
      issuer: 'https://accounts.google.com',
      audience: google.client.id,
    });
    expect(payload).toMatchObject({ email: ME, email_verified: true, sub: google.mailbox(ME).sub });
    const profile = await oauth.request<{ emailAddress: string }>({ url: `${google.url}/gmail/v1/users/me/profile` });
    expect(profile.data.emailAddress).toBe(ME);
  });

  it.each([
    ['another verifier', { codeVerifier: 'x'.repeat(43) }, undefined],
    ['no verifier', {}, undefined],
    ['a code that was used', undefined, undefined],
    ['another address to come back to', undefined, 'http://localhost/elsewhere'],
  ])('is refused with %s', async (_, wrong, redirectUri) => {
    const google = await withGoogle({ accounts: { [ME]: [] } });
    const { oauth, codeVerifier, url } = await consentUrl(google);
    const code = (await followConsent(url)).get('code') ?? '';
    if (!wrong && !redirectUri) await oauth.getToken({ code, codeVerifier });
    const call = oauth.getToken({ code, ...(wrong ?? { codeVerifier }), ...(redirectUri ? { redirect_uri: redirectUri } : {}) });
    await expect(call).rejects.toMatchObject({ response: { status: 400 } });
  });

  it('gives a refresh token the first time, and again only when consent is asked for', async () => {
    const google = await withGoogle({ accounts: { [ME]: [] } });
    const refreshTokens: boolean[] = [];
    for (const options of [{}, {}, { prompt: 'consent' }, { prompt: 'consent', access_type: 'online' }]) {
      const { oauth, codeVerifier, url } = await consentUrl(google, options);
      const { tokens } = await oauth.getToken({ code: (await followConsent(url)).get('code') ?? '', codeVerifier });
      refreshTokens.push(tokens.refresh_token !== undefined);
    }
    expect(refreshTokens).toEqual([true, false, true, false]);
  });

  it('comes back with an error where the owner says no, and without scopes that are withheld', async () => {
    const google = await withGoogle({ accounts: { [ME]: [] } });
    google.consent.withheldScopes.push('https://www.googleapis.com/auth/gmail.readonly');
    const { oauth, codeVerifier, url } = await consentUrl(google);
    const { tokens } = await oauth.getToken({ code: (await followConsent(url)).get('code') ?? '', codeVerifier });
    expect(tokens.scope).toBe('openid email');
    google.consent.denied = true;
    expect(Object.fromEntries(await followConsent(url))).toEqual({ state: 'my-state', error: 'access_denied' });
  });

  it('asks which account where there are several, and for a click where it is interactive', async () => {
    const google = await withGoogle({ accounts: { [ME]: [], 'you@example.com': [] }, isInteractive: true });
    const { url } = await consentUrl(google, { login_hint: 'you@example.com' });
    const page = await (await fetch(url, { redirect: 'manual' })).text();
    const links = [...page.matchAll(/href="([^"]+)"/g)].map(([, href]) => new URL((href ?? '').replaceAll('&amp;', '&'), google.url).href);
    expect(links).toHaveLength(2);
    expect((await followConsent(links[0] ?? '')).get('code')).toMatch(/^4\//);
  });

  it('is refused to another client, at the page and at the token endpoint', async () => {
    const google = await withGoogle({ accounts: { [ME]: [] } });
    const stranger = await oauthOf(google, { id: 'stranger', secret: 'unknown' });
    expect((await fetch(stranger.generateAuthUrl({ scope }), { redirect: 'manual' })).status).toBe(400);
    await expect(stranger.getToken('4/code')).rejects.toMatchObject({ response: { status: 401, data: { error: 'invalid_client' } } });
  });

  it('takes the secret as basic authentication too', async () => {
    const google = await withGoogle({ accounts: { [ME]: [] } });
    const { refreshToken = '' } = google.issueTokens(ME);
    const basic = Buffer.from(`${encodeURIComponent(google.client.id)}:${google.client.secret}`).toString('base64');
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken });
    const headers = { authorization: `Basic ${basic}` };
    expect((await fetch(google.tokenUrl, { method: 'POST', headers, body })).status).toBe(200);
  });
});

describe('access tokens', () => {
  it('end in time; a refresh gives another', async () => {
    const clock = createFakeClock();
    const google = await withGoogle({ accounts: { [ME]: [] }, expiresIn: 600, clock });
    const { oauth, gmail } = await clientsOf(google);
    clock.advance(599_999);
    expect((await gmail.users.getProfile({ userId: 'me' })).status).toBe(200);
    clock.advance(1);
    // Google’s client refreshes by itself; without a refresh token it cannot.
    expect((await gmail.users.getProfile({ userId: 'me' })).status).toBe(200);
    expect(google.requests.counts).toMatchObject({ profile: 3, token: 1 });
    oauth.setCredentials({ access_token: oauth.credentials.access_token ?? null });
    google.expireTokens();
    expect(await refusal(gmail.users.getProfile({ userId: 'me' }))).toMatchObject({ status: 401, reason: 'authError' });
  });

  it('and refresh tokens end with the grant, whoever takes it back', async () => {
    const google = await withGoogle({ accounts: { [ME]: [] } });
    for (const takeBack of [async () => google.revoke(ME), async (token: string) => void (await (await oauthOf(google)).revokeToken(token))]) {
      const { oauth } = await clientsOf(google);
      await takeBack(oauth.credentials.access_token ?? '');
      await expect(oauth.refreshAccessToken()).rejects.toMatchObject({ response: { status: 400, data: { error: 'invalid_grant' } } });
    }
  });

  it('are not to be had while the token endpoint is down', async () => {
    const google = await withGoogle({ accounts: { [ME]: [] } });
    const { refreshToken = '' } = google.issueTokens(ME);
    google.faults.tokensDown = true;
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken });
    expect((await fetch(google.tokenUrl, { method: 'POST', body })).status).toBe(503);
  });
});

describe('push notices', () => {
  it('carry a token that Google’s keys verify, and every forgery is told from it', async () => {
    const google = await withGoogle({ accounts: { [ME]: [] } });
    const received: { authorization: string | null; body: { message: { data: string } } }[] = [];
    const keys = createRemoteJWKSet(new URL(google.certsUrl));
    const { createServer } = await import('node:http');
    const hook = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      received.push({ authorization: request.headers.authorization ?? null, body: JSON.parse(Buffer.concat(chunks).toString()) });
      response.end();
    });
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    const address = hook.address();
    const to = typeof address === 'object' ? `http://127.0.0.1:${address?.port}/hook` : '';
    for (const forge of [undefined, 'key', 'audience', 'expired', 'issuer', 'email', 'none'] as const) {
      await google.push(ME, { to, audience: 'https://mine.example.com/hook', ...(forge ? { forge } : {}) });
    }
    await new Promise((resolve) => hook.close(resolve));
    const verdicts = await Promise.all(
      received.map(({ authorization }) =>
        jwtVerify(authorization?.replace('Bearer ', '') ?? '', keys, {
          issuer: 'https://accounts.google.com',
          audience: 'https://mine.example.com/hook',
        }).then(
          ({ payload }) => payload.email_verified,
          (error: { code: string }) => error.code,
        ),
      ),
    );
    expect(verdicts).toEqual([
      true,
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
      'ERR_JWT_CLAIM_VALIDATION_FAILED',
      'ERR_JWT_EXPIRED',
      'ERR_JWT_CLAIM_VALIDATION_FAILED',
      false,
      'ERR_JWS_INVALID',
    ]);
    const told: unknown = JSON.parse(Buffer.from(received[0]?.body.message.data ?? '', 'base64').toString());
    expect(told).toEqual({ emailAddress: ME, historyId: google.mailbox(ME).historyId.toString() });
  });
});
