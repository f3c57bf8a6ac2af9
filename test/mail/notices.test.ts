import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../lib/config.ts';
import { createVerifyNotice, noticeOptions, parseNotice, type VerifyNotice } from '../../lib/mail/notices.ts';
import { AUDIENCE, createNoticeKey, type KeyServer, type NoticeKey, PUSHER, pushOf, startKeyServer } from '../support/notice-keys.ts';

describe('whether Google signed a notice', () => {
  let google: NoticeKey;
  let forger: NoticeKey;
  let keys: KeyServer;
  let verify: VerifyNotice;
  beforeAll(async () => {
    [google, forger] = await Promise.all([createNoticeKey('k1'), createNoticeKey('k1')]);
    keys = await startKeyServer([google]);
    verify = createVerifyNotice({ audience: AUDIENCE, keysUrl: keys.url, serviceAccount: PUSHER });
  });
  afterAll(() => keys.stop());

  const bearer = (token: string): string => `Bearer ${token}`;
  const seconds = (from: number): number => Math.floor(Date.now() / 1000) + from;

  it('it did, under either spelling of its name', async () => {
    for (const iss of ['https://accounts.google.com', 'accounts.google.com']) expect(await verify(bearer(await google.sign({ iss })))).toBe(true);
    expect(await verify(`bearer ${await google.sign()}`)).toBe(true);
  });

  it('it did not: another key, nothing signed, or a public key taken for a secret', async () => {
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await google.sign()).split('.')[1]}.`;
    const secret = new TextEncoder().encode(JSON.stringify(google.jwk));
    const symmetric = await new SignJWT({ iss: 'https://accounts.google.com', aud: AUDIENCE, email: PUSHER, email_verified: true })
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(secret);
    const [head, , signature] = (await google.sign()).split('.');
    const [, changed] = (await google.sign({ email: 'other@example.com' })).split('.');
    for (const token of [await forger.sign(), unsigned, symmetric, `${head}.${changed}.${signature}`, 'a.b.c', '', 'x'.repeat(20_000)])
      expect(await verify(bearer(token))).toBe(false);
    for (const header of [undefined, '', 'Bearer', `Basic ${await google.sign()}`, await google.sign()]) expect(await verify(header)).toBe(false);
  });

  it.each([
    ['another audience', { aud: 'https://elsewhere.example.com' }],
    ['another issuer', { iss: 'https://accounts.example.com' }],
    ['a token that has expired', { exp: seconds(-60), iat: seconds(-3_660) }],
    ['a token that never expires', { exp: undefined }],
    ['a token of the future', { nbf: seconds(600) }],
    ['another service account', { email: 'stranger@project.iam.gserviceaccount.com' }],
    ['an address nobody has verified', { email_verified: false }],
    ['no address', { email: undefined, email_verified: undefined }],
  ])('it did, but not for us: %s', async (_what, claims) => {
    expect(await verify(bearer(await google.sign(claims)))).toBe(false);
  });

  it('asks for the keys once, however many notices come, and not at all for what is not for us', async () => {
    const server = await startKeyServer([google]);
    const fresh = createVerifyNotice({ audience: AUDIENCE, keysUrl: server.url });
    expect(await fresh(bearer(await google.sign({ aud: 'x' })))).toBe(false);
    expect(server.asked()).toBe(0);
    const tokens = await Promise.all(Array.from({ length: 50 }, () => google.sign()));
    expect(new Set(await Promise.all(tokens.map((token) => fresh(bearer(token)))))).toEqual(new Set([true]));
    for (let round = 0; round < 20; round += 1) expect(await fresh(bearer(await forger.sign({}, { kid: `guess-${round}` })))).toBe(false);
    expect(server.asked()).toBe(1);
    await server.stop();
  });

  it('cannot be told while the keys are away: then nothing is accepted, and it is told again once they are back', async () => {
    const server = await startKeyServer([google]);
    const fresh = createVerifyNotice({ audience: AUDIENCE, keysUrl: server.url, timeoutMs: 100 });
    const token = bearer(await google.sign());
    for (const mode of ['down', 'hanging'] as const) {
      server.be(mode);
      await expect(fresh(token)).rejects.toMatchObject({ name: 'UnavailableError' });
    }
    server.be('up');
    expect(await fresh(token)).toBe(true);
    await server.stop();
    expect(await fresh(token)).toBe(true);
    const never = createVerifyNotice({ audience: AUDIENCE, keysUrl: server.url });
    await expect(never(token)).rejects.toMatchObject({ name: 'UnavailableError' });
  });

  it('without a named service account any of Google’s will do', async () => {
    const anybody = createVerifyNotice({ audience: AUDIENCE, keysUrl: keys.url });
    expect(await anybody(bearer(await google.sign({ email: 'stranger@project.iam.gserviceaccount.com' })))).toBe(true);
    expect(await anybody(bearer(await google.sign({ email_verified: false })))).toBe(false);
  });
});

describe('what a notice says', () => {
  it('an address, in lower case, and where its mailbox stands', () => {
    expect(parseNotice(pushOf({ emailAddress: 'Ann@Example.com', historyId: 9_876_543_210 }))).toEqual({
      email: 'ann@example.com',
      historyId: '9876543210',
    });
    expect(parseNotice(pushOf({ emailAddress: 'ann@example.com', historyId: '42' }))?.historyId).toBe('42');
  });

  it('to the last digit, and in either alphabet of base64', () => {
    const notice = '{"emailAddress":"a>?~@example.com","historyId":18446744073709551615}';
    for (const encoding of ['base64', 'base64url'] as const) {
      expect(parseNotice({ message: { data: Buffer.from(notice).toString(encoding) } })).toEqual({
        email: 'a>?~@example.com',
        historyId: '18446744073709551615',
      });
    }
  });

  it('nothing, where it is none', () => {
    const encoded = (text: string) => ({ message: { data: Buffer.from(text).toString('base64') } });
    const ann = 'ann@example.com';
    for (const body of [
      undefined,
      null,
      'text',
      [],
      {},
      { message: {} },
      { message: { data: 7 } },
      { message: { data: '***' } },
      encoded('not json'),
      encoded('null'),
    ])
      expect(parseNotice(body)).toBeUndefined();
    for (const historyId of [-1, 1.5, 1e40, '', '1; drop table']) expect(parseNotice(pushOf({ emailAddress: ann, historyId }))).toBeUndefined();
    expect(parseNotice(pushOf({ emailAddress: '', historyId: 1 }))).toBeUndefined();
  });
});

describe('the settings', () => {
  const load = (env: Record<string, string>) => loadConfig({ ...env }, { role: 'start' }).google;

  it('are of Google itself unless another server is named; without an audience there is no push', () => {
    const push = { GOOGLE_PUBSUB_TOPIC: 'projects/p/topics/t', GOOGLE_PUBSUB_AUDIENCE: AUDIENCE };
    expect(noticeOptions(load({}))).toBeUndefined();
    expect(noticeOptions(load(push))).toEqual({ audience: AUDIENCE, keysUrl: 'https://www.googleapis.com/oauth2/v3/certs' });
    const elsewhere = noticeOptions(load({ ...push, GOOGLE_PUBSUB_SERVICE_ACCOUNT: PUSHER, GOOGLE_API_ROOT_URL: 'http://127.0.0.1:9/' }));
    expect(elsewhere).toEqual({ audience: AUDIENCE, serviceAccount: PUSHER, keysUrl: 'http://127.0.0.1:9/oauth2/v3/certs' });
    expect(() => load({ GOOGLE_PUBSUB_SERVICE_ACCOUNT: PUSHER })).toThrow('GOOGLE_PUBSUB_SERVICE_ACCOUNT needs GOOGLE_PUBSUB_TOPIC');
  });
});
