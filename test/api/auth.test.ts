import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUserCache } from '../../api/user-cache.ts';
import { UnavailableError } from '../../lib/errors.ts';
import { createFakeClock } from '../support/clock.ts';
import { type Api, type CallOptions, createStory, QUEUE, startApi } from './world.ts';

const basic = (user: string, password: string) => ({ authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });

describe('who may call what', () => {
  let api: Api;
  let alice: { id: string; jwt: string };
  let bob: { id: string; jwt: string };
  let story: { id: string; jobId: string; runJobId: string };
  beforeAll(async () => {
    api = await startApi({ options: { loopback: false, adminUser: 'admin', adminPassword: 'correct horse' } });
    alice = await api.db.signUp();
    bob = await api.db.signUp();
    story = await createStory(api, { jwt: alice.jwt });
  });
  afterAll(() => api.stop());

  const callers: Record<string, () => CallOptions> = {
    nobody: () => ({ key: null }),
    'a wrong key': () => ({ key: 'hp_wrong' }),
    'a forged JWT': () => ({ jwt: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl' }),
    'the service': () => ({}),
    'the service for Alice': () => ({ headers: { 'x-user-id': alice.id } }),
    'the service for Bob': () => ({ headers: { 'x-user-id': bob.id } }),
    Alice: () => ({ jwt: alice.jwt }),
    Bob: () => ({ jwt: bob.jwt }),
    'the administrator': () => ({ key: null, headers: basic('admin', 'correct horse') }),
    'a wrong password': () => ({ key: null, headers: basic('admin', 'wrong') }),
    'the key as a password': () => ({ key: null, headers: basic('', api.deps.options.apiKeys[0] ?? '') }),
  };
  const statuses = async (method: string, path: string) => {
    const replies = await Promise.all(
      Object.entries(callers).map(async ([name, options]) => [name, (await api.call(method, path, options())).status] as const),
    );
    return Object.fromEntries(replies);
  };

  it('a story: its user, and services unless they act for another', async () => {
    const expected = {
      nobody: 401,
      'a wrong key': 401,
      'a forged JWT': 401,
      'the service': 200,
      'the service for Alice': 200,
      'the service for Bob': 404,
      Alice: 200,
      Bob: 404,
      'the administrator': 401,
      'a wrong password': 401,
      'the key as a password': 401,
    };
    expect(await statuses('GET', `/api/stories/${story.id}`)).toEqual(expected);
    expect(await statuses('GET', `/api/stories/scoring/job/${story.jobId}`)).toEqual(expected);
    expect(await statuses('GET', `/api/stories/scoring/job/${story.runJobId}`)).toEqual(expected);
    expect(await statuses('GET', `/api/queue/${QUEUE}/jobs/${story.runJobId}`)).toEqual(expected);
    expect(await statuses('GET', `/api/queue/${QUEUE}/jobs/${story.jobId}`)).toEqual(expected);
  });

  it('writing to a story or its job is hidden from others as well', async () => {
    for (const [method, path] of [
      ['POST', `/api/stories/${story.id}/enhance`],
      ['DELETE', `/api/queue/${QUEUE}/jobs/${story.runJobId}`],
      ['POST', `/api/queue/${QUEUE}/jobs/${story.runJobId}/retry`],
      ['POST', `/api/queue/${QUEUE}/jobs/${story.runJobId}/events-token`],
      ['GET', `/api/queue/${QUEUE}/jobs/${story.runJobId}/events`],
    ] as const) {
      expect([path, (await api.call(method, path, { jwt: bob.jwt })).status]).toEqual([path, 404]);
      expect([path, (await api.call(method, path, { key: null })).status]).toEqual([path, 401]);
    }
  });

  it('all of a queue: services only', async () => {
    const lists = {
      nobody: 401,
      'a wrong key': 401,
      'a forged JWT': 401,
      'the service': 200,
      Alice: 403,
      'the administrator': 401,
      'a wrong password': 401,
    };
    expect(await statuses('GET', `/api/queue/${QUEUE}/jobs?state=failed`)).toMatchObject(lists);
    expect((await api.call('GET', `/api/queue/${QUEUE}/events`, { jwt: alice.jwt })).status).toBe(403);
  });

  it.each(['/api/queue/stats', '/metrics', '/metrics/scale', '/admin/queues', '/admin/queues/api/queues', '/admin/queues/static/images/logo.svg'])(
    '%s: services and people with the password',
    async (path) => {
      expect(await statuses('GET', path)).toEqual({
        nobody: 401,
        'a wrong key': 401,
        'a forged JWT': 401,
        'the service': 200,
        'the service for Alice': 200,
        'the service for Bob': 200,
        Alice: 403,
        Bob: 403,
        'the administrator': 200,
        'a wrong password': 401,
        'the key as a password': 200,
      });
    },
  );

  it.each(['/', '/docs/', '/docs/json', '/docs/static/swagger-ui.css'])('%s: closed where others can reach it', async (path) => {
    const expected = {
      nobody: 401,
      'a wrong key': 401,
      'a forged JWT': 401,
      'the service': 200,
      Alice: 200,
      'the administrator': 200,
      'a wrong password': 401,
      'the key as a password': 200,
    };
    expect(await statuses('GET', path)).toMatchObject(expected);
  });

  it.each(['/health/live', '/health/ready', '/api/worker/health'])('%s: anybody, even with a wrong key', async (path) => {
    expect(new Set(Object.values(await statuses('GET', path)))).toEqual(new Set([200]));
  });

  it('asks a browser for name and password, and an app for a token', async () => {
    const browser = await api.call('GET', '/admin/queues', { key: null, headers: { accept: 'text/html,*/*' } });
    expect([browser.status, browser.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="Hivepulse", charset="UTF-8"']);
    // A part of the page, whose protection space the browser may not have learnt from the page itself.
    const part = await api.call('GET', '/admin/queues/static/images/logo.svg', { key: null, headers: { accept: 'image/svg+xml' } });
    expect(part.headers.get('www-authenticate')).toContain('Basic');
    const figures = await api.call('GET', '/api/queue/stats', { key: 'mistyped', headers: { accept: '*/*' } });
    expect(figures.headers.get('www-authenticate')).toContain('Bearer');
    const app = await api.call('GET', '/api/stories', { key: null });
    expect([app.status, app.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="Hivepulse"']);
    expect(app.body).toEqual({
      success: false,
      error: { code: 'unauthorized', message: 'Send the header Authorization: Bearer <API key>, or the access token of a signed-in user.' },
    });
  });

  it('X-User-Id must be a uuid, and is for services', async () => {
    expect(await api.call('GET', '/api/stories', { headers: { 'x-user-id': 'alice' } })).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_input' } },
    });
    expect(await api.call('GET', '/api/stories', { jwt: alice.jwt, headers: { 'x-user-id': bob.id } })).toMatchObject({ status: 403 });
    expect(await api.call('GET', '/api/stories', { jwt: alice.jwt, headers: { 'x-user-id': alice.id } })).toMatchObject({ status: 200 });
  });

  it('lists of stories are the caller’s own', async () => {
    const ids = async (options: CallOptions) =>
      (await api.call('GET', '/api/stories', options)).body.data.stories.map(({ id }: { id: string }) => id);
    const bobs = await createStory(api, { headers: { 'x-user-id': bob.id } });
    expect(await ids({ jwt: alice.jwt })).toEqual([story.id]);
    expect(await ids({ jwt: bob.jwt })).toEqual([bobs.id]);
    expect(await ids({ headers: { 'x-user-id': bob.id } })).toEqual([bobs.id]);
    expect(await ids({})).toEqual([bobs.id, story.id]);
  });
});

describe('users', () => {
  it('are read for with their own JWT, never as the service role', async () => {
    const api = await startApi();
    const { jwt } = await api.db.signUp();
    const { id } = await createStory(api, { jwt });
    const refuse = () => Promise.reject(new Error('read as the service role'));
    const refuseReads = { get: refuse, list: refuse };
    const db = { ...api.db, stories: { ...api.db.stories, ...refuseReads }, failedJobs: { ...api.db.failedJobs, ...refuseReads } };
    const other = await startApi({ deps: { db } });
    for (const path of [`/api/stories/${id}`, '/api/stories', '/api/dead-letters']) {
      expect([path, (await other.call('GET', path, { jwt })).status]).toEqual([path, 200]);
      expect([path, (await other.call('GET', path)).status]).toEqual([path, 500]);
    }
    await other.stop();
    await api.stop();
  });

  it('are asked about once for a while, not for every request', async () => {
    const api = await startApi();
    const { jwt } = await api.db.signUp();
    for (let request = 0; request < 5; request += 1) expect((await api.call('GET', '/api/stories', { jwt })).status).toBe(200);
    expect(api.db.lookUps()).toBe(1);
    await api.stop();
  });

  it('are not let in, nor refused, while the Auth server is away', async () => {
    const api = await startApi();
    const { jwt } = await api.db.signUp();
    api.db.breakWith(new UnavailableError('Auth is away'));
    expect(await api.call('GET', '/api/stories', { jwt })).toMatchObject({ status: 503, body: { error: { code: 'unavailable' } } });
    await api.stop();
  });

  const tokenOf = (claims: Record<string, unknown>) => new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new Uint8Array(32));

  it('are remembered for 30 s, never past the end of their token, and the oldest are forgotten first', async () => {
    const clock = createFakeClock();
    const cache = createUserCache({ userOf: async () => ({ id: 'somebody' }), clock, maxEntries: 2 });
    const seconds = clock.now() / 1000;
    const [short, long, third] = await Promise.all([tokenOf({ exp: seconds + 10 }), tokenOf({ exp: seconds + 3_600 }), tokenOf({ jti: 'third' })]);
    await cache.find(short);
    await cache.find(long);
    clock.advance(9_999);
    expect([cache.remembered(short), cache.remembered(long)]).toEqual([{ id: 'somebody' }, { id: 'somebody' }]);
    clock.advance(1);
    expect([cache.remembered(short), cache.remembered(long)]).toEqual([undefined, { id: 'somebody' }]);
    await cache.find(short);
    await cache.find(third);
    expect([cache.remembered(long), cache.remembered(third)]).toEqual([undefined, { id: 'somebody' }]);
    clock.advance(30_000);
    expect(cache.remembered(third)).toBeUndefined();
  });

  it('who are refused are asked about again', async () => {
    const answers = [undefined, { id: 'somebody' }];
    const cache = createUserCache({ userOf: async () => answers.shift(), clock: createFakeClock() });
    const jwt = await tokenOf({ jti: randomUUID() });
    expect([await cache.find(jwt), cache.remembered(jwt), await cache.find(jwt)]).toEqual([undefined, undefined, { id: 'somebody' }]);
  });
});

describe('the rate limit', () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi({ options: { rateLimitPerMinute: 5 } });
  });
  afterAll(() => api.stop());

  const ask = async (options: CallOptions, times: number) => {
    const replies = [];
    for (let request = 0; request < times; request += 1) replies.push(await api.call('GET', '/api/stories', options));
    return replies;
  };

  it('is per caller, tells how much is left, and when to come back', async () => {
    const replies = await ask({ headers: { 'x-user-id': randomUUID() } }, 6);
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429]);
    expect(replies[0]?.headers.get('x-ratelimit-remaining')).toBe('4');
    const refused = replies[5];
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(refused?.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(refused?.body.error).toMatchObject({ code: 'too_many_requests', details: { limitPerMinute: 5 } });
    expect((await ask({ headers: { 'x-user-id': randomUUID() } }, 1))[0]?.status).toBe(200);
  });

  it('ends the guessing of keys and tokens by one address, before the Auth server is asked, and lets known callers in', async () => {
    const guess = () => ({ jwt: `${randomUUID()}.${randomUUID()}.x` });
    const asked = api.db.lookUps();
    const replies = await Promise.all(Array.from({ length: 12 }, () => api.call('GET', '/api/stories', guess())));
    expect(replies.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
    expect((await ask(guess(), 1))[0]?.status).toBe(429);
    const before = api.db.lookUps();
    await ask(guess(), 3);
    expect(api.db.lookUps()).toBe(before);
    expect(before).toBeGreaterThan(asked);
    expect((await ask({ headers: { 'x-user-id': randomUUID() } }, 1))[0]?.status).toBe(200);
  });

  it('does not count probes', async () => {
    const paths = ['/health/live', '/health/ready', '/api/worker/health'];
    const probes = await Promise.all(Array.from({ length: 21 }, (_, count) => api.call('GET', paths[count % 3] ?? '', { key: null })));
    expect(new Set(probes.map(({ status }) => status))).toEqual(new Set([200]));
  });
});
