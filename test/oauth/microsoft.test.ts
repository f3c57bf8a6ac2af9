import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOAuthClient, type OAuthClient } from '../../lib/oauth/client.ts';
import { describeMicrosoft } from '../../lib/oauth/providers/microsoft.ts';

const client = { clientId: 'id', clientSecret: 'secret' };
const LOGIN = 'https://login.microsoftonline.com';
const PERSONAL = '9188040d-6c67-4c5b-b112-36a304b66dad';
const CONTOSO = 'f1a5c0de-2222-4333-8444-555555555555';
const ANN = '00000000-1111-4222-8333-444444444444';

describe('Microsoft', () => {
  it('is its own servers, of the tenant that is named, unless others are', () => {
    expect(describeMicrosoft({ ...client, tenantId: 'common' })).toMatchObject({
      authUrl: `${LOGIN}/common/oauth2/v2.0/authorize`,
      tokenUrl: `${LOGIN}/common/oauth2/v2.0/token`,
      revokeUrl: undefined,
    });
    expect(describeMicrosoft({ ...client, tenantId: 'Contoso.onmicrosoft.com' }).tokenUrl).toBe(`${LOGIN}/contoso.onmicrosoft.com/oauth2/v2.0/token`);
    const [authUrl, tokenUrl] = ['http://127.0.0.1:4003/oauth2/v2.0/authorize', 'http://127.0.0.1:4003/oauth2/v2.0/token'];
    expect(describeMicrosoft({ ...client, tenantId: 'common', authUrl, tokenUrl })).toMatchObject({ authUrl, tokenUrl });
  });

  it('is not spoken to in the open', () => {
    const url = 'http://login.example.com/token';
    expect(() => describeMicrosoft({ ...client, tenantId: 'common', tokenUrl: url })).toThrow(/^MICROSOFT_TOKEN_URL must be https/);
    expect(() => describeMicrosoft({ ...client, tenantId: 'common', authUrl: url })).toThrow(/^MICROSOFT_AUTH_URL must be https/);
  });

  it('is not asked for sites where only personal accounts may connect, since they have none', () => {
    expect(describeMicrosoft({ ...client, tenantId: 'common' }).scopes.files).toEqual(['Files.Read.All', 'Sites.Read.All']);
    expect(describeMicrosoft({ ...client, tenantId: 'consumers' }).scopes.files).toEqual(['Files.Read.All']);
  });

  it('lets a user take access back where accounts of his kind do', () => {
    const { grantsUrl } = describeMicrosoft({ ...client, tenantId: 'common' });
    expect(grantsUrl(`${ANN}.${CONTOSO}`)).toBe('https://myapps.microsoft.com');
    expect(grantsUrl(`${ANN}.${PERSONAL}`)).toBe('https://account.live.com/consent/Manage');
  });
});

/** What the token endpoint says next. */
let claims: Record<string, unknown> = {};
let tokenUrl: string;
const server = createServer((_, response) => {
  const idToken = [{ alg: 'RS256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  const body = { token_type: 'Bearer', access_token: 'access', refresh_token: 'refresh', expires_in: 3_599, scope: 'Mail.Read' };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ...body, id_token: `${idToken.join('.')}.c2lnbmVk` }));
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  tokenUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

describe('an id token', () => {
  const trip = { state: randomUUID(), verifier: 'v'.repeat(43), nonce: randomUUID(), redirectUri: 'https://jobs.example.com/callback' };
  const seconds = Math.floor(Date.now() / 1_000);
  const genuine = (tenant = CONTOSO) => ({
    ver: '2.0',
    iss: `${LOGIN}/${tenant}/v2.0`,
    tid: tenant,
    oid: ANN,
    sub: 'another one with each app',
    aud: client.clientId,
    nonce: trip.nonce,
    email: 'ann@example.com',
    iat: seconds,
    exp: seconds + 3_600,
  });
  const at = (tenantId: string): OAuthClient =>
    createOAuthClient(describeMicrosoft({ ...client, tenantId, tokenUrl }), { pause: async () => undefined });
  const exchange = (tenantId: string, token: Record<string, unknown>) => {
    claims = token;
    return at(tenantId).exchange(new URLSearchParams({ code: 'code', state: trip.state }), trip);
  };

  it('names an account by tenant and object, which stay, and its address', async () => {
    const account = { accountId: `${ANN}.${CONTOSO}`, email: 'ann@example.com', refreshToken: 'refresh' };
    expect(await exchange('common', genuine())).toMatchObject(account);
    const { email: _, ...addressless } = genuine();
    expect(await exchange('common', { ...addressless, preferred_username: 'ann@contoso.com' })).toMatchObject({
      ...account,
      email: 'ann@contoso.com',
    });
    expect((await exchange('common', addressless)).email).toBeUndefined();
  });

  it.each([
    ['common', CONTOSO],
    ['common', PERSONAL],
    ['organizations', CONTOSO],
    ['consumers', PERSONAL],
    [CONTOSO, CONTOSO],
    [CONTOSO.toUpperCase(), CONTOSO],
    ['contoso.onmicrosoft.com', CONTOSO],
  ])('for %s may be of tenant %s', async (tenantId, tenant) => {
    expect((await exchange(tenantId, genuine(tenant))).accountId).toBe(`${ANN}.${tenant}`);
  });

  const other = randomUUID();
  const forged: [string, string, Record<string, unknown>][] = [
    ['of another server', 'common', { iss: `https://login.example.com/${CONTOSO}/v2.0` }],
    ['of a server with a name that begins like Microsoft’s', 'common', { iss: `${LOGIN}.example.com/${CONTOSO}/v2.0` }],
    ['of Microsoft’s, in another place', 'common', { iss: `${LOGIN}/evil/${CONTOSO}/v2.0` }],
    ['of an older kind', 'common', { iss: `https://sts.windows.net/${CONTOSO}/` }],
    ['with more behind its maker', 'common', { iss: `${LOGIN}/${CONTOSO}/v2.0/` }],
    ['over plain HTTP', 'common', { iss: `http://login.microsoftonline.com/${CONTOSO}/v2.0` }],
    ['made by a tenant that it is not of', 'common', { tid: other }],
    ['of no tenant', 'common', { tid: undefined }],
    ['of a tenant that is no text', 'common', { tid: [CONTOSO] }],
    ['made by the placeholder', 'common', { iss: `${LOGIN}/{tenantid}/v2.0`, tid: '{tenantid}' }],
    ['made by a tenant without an id', 'common', { iss: `${LOGIN}/common/v2.0`, tid: 'common' }],
    ['made by the server as such', 'common', { iss: LOGIN }],
    ['of nobody', 'common', { iss: undefined }],
    ['of a personal account where only organizations may connect', 'organizations', { iss: `${LOGIN}/${PERSONAL}/v2.0`, tid: PERSONAL }],
    ['of an organization where only personal accounts may connect', 'consumers', {}],
    ['of a tenant that may not connect', other, {}],
    ['for another app', 'common', { aud: 'another' }],
    ['of another round trip', 'common', { nonce: randomUUID() }],
    ['without a nonce', 'common', { nonce: undefined }],
    ['that has ended', 'common', { exp: seconds - 3_600 }],
    ['that does not say who', 'common', { oid: undefined }],
  ];
  it.each(forged)('%s is refused', async (_, tenantId, changes) => {
    await expect(exchange(tenantId, { ...genuine(), ...changes })).rejects.toMatchObject({ name: 'OperationProcessingError' });
  });

  it('that comes with a refresh is of that tenant, too', async () => {
    claims = genuine();
    expect(await at('common').refresh('refresh')).toMatchObject({ kind: 'tokens', tokens: { refreshToken: 'refresh', scopes: ['Mail.Read'] } });
    claims = { ...genuine(), tid: other };
    expect(await at('common').refresh('refresh')).toMatchObject({ kind: 'failed', again: false, error: { code: 'provider_malformed' } });
  });

  it('is not asked for where an answer names another maker', async () => {
    claims = genuine();
    const back = (iss: string) => at('organizations').exchange(new URLSearchParams({ code: 'code', state: trip.state, iss }), trip);
    expect((await back(`${LOGIN}/${CONTOSO}/v2.0`)).accountId).toBe(`${ANN}.${CONTOSO}`);
    for (const iss of [`${LOGIN}/${PERSONAL}/v2.0`, LOGIN, 'https://login.example.com']) {
      await expect(back(iss), iss).rejects.toMatchObject({ name: 'OperationProcessingError' });
    }
  });
});
