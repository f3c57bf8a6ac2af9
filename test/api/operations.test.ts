import { type AddressInfo, connect } from 'node:net';
import fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { listenFriendly } from '../../api/listen.ts';
import { redact } from '../../api/plugins/board.ts';
import { buildServer } from '../../api/server.ts';
import { createLogger } from '../../lib/log.ts';
import { createFakeClock } from '../support/clock.ts';
import { gate } from '../support/queue-world.ts';
import { type Api, createStory, eventually, KEY, QUEUE, seedStory, startApi } from './world.ts';

/** `METHOD /path/{parameter}` from the tree that Fastify prints: four characters of indentation a level. */
function routesOf(tree: string): string[] {
  const branch: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const [, indent = '', part = '', methods = ''] = /^([│├└─\s]*)(\S+)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
    branch.splice(indent.length / 4 - 1, branch.length, part);
    const path = branch.join('').replaceAll(/:(\w+)/g, '{$1}');
    return methods
      .split(', ')
      .filter((method) => method !== '' && method !== 'HEAD')
      .map((method) => `${method} ${path}`);
  });
}

interface Media {
  schema: Parameters<typeof z.fromJSONSchema>[0];
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

let api: Api;
beforeAll(async () => {
  api = await startApi({ options: { corsOrigins: ['https://app.example.com'] } });
});
afterAll(() => api.stop());

describe('health', () => {
  it('live answers as long as the process does', async () => {
    expect((await api.call('GET', '/health/live', { key: null })).body).toEqual({ success: true, data: { live: true } });
  });

  it('live says no where the workers of this process have gone silent', async () => {
    let silent: string[] = [];
    const other = await startApi({ deps: { workers: { lastPoll: async () => undefined, silent: () => silent } } });
    expect((await other.call('GET', '/health/live', { key: null })).status).toBe(200);
    silent = ['review-ai'];
    expect(await other.call('GET', '/health/live', { key: null })).toMatchObject({
      status: 503,
      body: { success: false, error: { code: 'not_live', message: 'Jobs wait and are not fetched.' } },
    });
    await other.stop();
  });

  it('ready tells the known which part is not, and the unknown only that', async () => {
    const ready = async (key?: null) => api.call('GET', '/health/ready', key === null ? { key } : {});
    expect(await ready()).toMatchObject({ status: 200, body: { data: { ready: true, checks: { queue: 'ok', database: 'ok' } } } });
    api.db.pretendMissing(['20261122000003_ai.sql']);
    expect(await ready()).toMatchObject({
      status: 503,
      body: {
        success: false,
        error: { code: 'not_ready', details: { checks: { queue: 'ok', database: 'migrations missing: 20261122000003_ai.sql (npm run migrate)' } } },
      },
    });
    expect((await ready(null)).body).toEqual({ success: false, error: { code: 'not_ready', message: 'Not ready to take work.' } });
    api.db.pretendMissing([]);
    api.db.breakWith(new Error('no route to postgres.internal'));
    const away = await ready();
    api.db.breakWith(undefined);
    expect([away.status, away.body.error.details]).toEqual([503, { checks: { queue: 'ok', database: 'unreachable' } }]);
    expect((await ready(null)).body).toEqual({ success: true, data: { ready: true } });
  });

  it('ready does not wait for a database that never answers', async () => {
    const db = { ...api.db, check: () => new Promise<never>(() => {}) };
    const other = await startApi({ deps: { db } });
    expect(await other.call('GET', '/health/ready')).toMatchObject({
      status: 503,
      body: { error: { details: { checks: { database: 'unreachable' } } } },
    });
    await other.stop();
  });

  it('workers are healthy up to 30 s after their last poll, as in seed 001', async () => {
    const clock = createFakeClock();
    let lastPoll: number | undefined;
    const other = await startApi({ clock, deps: { workers: { lastPoll: async () => lastPoll } } });
    const health = async () => (await other.call('GET', '/api/worker/health', { key: null })).body;
    expect(await health()).toEqual({ healthy: false, lastPoll: null });
    lastPoll = clock.now();
    clock.advance(29_999);
    expect(await health()).toEqual({ healthy: true, lastPoll });
    clock.advance(1);
    expect(await health()).toEqual({ healthy: false, lastPoll });
    await other.stop();
  });

  it('metrics are handed out as they are rendered', async () => {
    const { status, headers, body } = await api.call('GET', '/metrics');
    expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect(body).toContain('hivepulse_queue_jobs{queue="story-enhancement",state="waiting"}');
  });
});

describe('headers', () => {
  it('keep browsers from guessing, framing, caching and loading from elsewhere', async () => {
    const { headers } = await api.call('GET', '/api/stories');
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'content-security-policy': expect.stringContaining("script-src 'self';"),
    });
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('strict-transport-security')).toBeNull();
  });

  it('promise HTTPS only where the API is reached by it', async () => {
    const other = await startApi({ options: { publicUrl: 'https://api.example.com' } });
    expect((await other.call('GET', '/health/live')).headers.get('strict-transport-security')).toContain('max-age=31536000');
    await other.stop();
  });

  it('let the configured origins in, and no others', async () => {
    const preflight = (origin: string) =>
      fetch(`${api.url}/api/stories`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
      });
    const allowed = await preflight('https://app.example.com');
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([204, 'https://app.example.com']);
    expect(allowed.headers.get('access-control-allow-headers')).toContain('Authorization');
    expect((await preflight('https://evil.example.com')).headers.get('access-control-allow-origin')).toBeNull();
    const refused = await api.call('GET', '/api/stories', { key: 'wrong', headers: { origin: 'https://app.example.com' } });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, 'https://app.example.com']);
  });
});

describe('correlation', () => {
  it('a sane id of the caller is used and echoed, another is replaced', async () => {
    const echoed = async (id: string) =>
      (await api.call('GET', '/health/live', { headers: { 'x-correlation-id': id } })).headers.get('x-correlation-id');
    expect(await echoed('order-4711:retry.2')).toBe('order-4711:retry.2');
    expect(await echoed('with spaces and "quotes"')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await echoed('x'.repeat(129))).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('each request leaves one line, with its id and without bodies, queries or tokens', async () => {
    const lines: string[] = [];
    const log = await createLogger({ level: 'debug', service: 'test', stream: { write: (line) => void lines.push(line) } });
    const other = await startApi({ deps: { log } });
    await other.call('POST', '/api/stories', { json: seedStory, headers: { 'x-correlation-id': 'trace-me' } });
    await other.call('GET', '/api/stories?limit=1&token=very-secret', { headers: { 'x-correlation-id': 'trace-me-too' } });
    await eventually(() => expect(lines.filter((line) => line.includes('http.request'))).toHaveLength(2));
    expect(lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'http.request')).toMatchObject([
      { level: 'info', method: 'POST', path: '/api/stories', status: 201, correlationId: 'trace-me', caller: 'service' },
      { level: 'info', method: 'GET', path: '/api/stories', status: 200, correlationId: 'trace-me-too' },
    ]);
    expect(lines.join('')).not.toMatch(/very-secret|Privacy Concerns|hp_test_key/);
    await other.stop();
  });
});

describe('pages', () => {
  it('the start page is open on loopback, complete in itself, and shows how to begin', async () => {
    const { status, headers, body } = await api.call('GET', '/', { key: null });
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    for (const link of ['/docs', '/admin/queues', '/api/queue/stats', '/health/ready']) expect(body).toContain(`href="${link}"`);
    expect(body).toContain('curl -X POST http://127.0.0.1:3000/api/stories');
    expect(body).toContain('API_KEYS');
    expect(body).not.toContain(KEY);
    expect(body.replaceAll('http://www.w3.org/2000/svg', '').replaceAll('http://127.0.0.1:3000', '')).not.toMatch(
      /(src|href)="https?:|url\(|@import|https?:\/\//,
    );
    expect(headers.get('content-security-policy')).toMatch(/script-src 'sha256-[\w+/=]+';/);
  });

  it('the docs list every route, with its body, answers and who may call it', async () => {
    const app = await buildServer({ ...api.deps, boardQueues: () => [] });
    const routes = routesOf(app.printRoutes({ commonPrefix: false })).filter((route) => / \/(api|health|metrics)/.test(route));
    await app.close();
    expect(routes).toContain('POST /api/stories');
    const { body } = await api.call('GET', '/docs/json', { key: null });
    const documented = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
    );
    // The router prints parameters of one place that go by several names together.
    const nameless = (route: string): string => route.replace(/\{[^}]+\}(\|\{[^}]+\})*/g, '{}');
    expect(documented.map(nameless).sort()).toEqual(routes.map(nameless).sort());
    const create = body.paths['/api/stories'].post;
    expect(create.requestBody.content['application/json'].schema.required).toEqual(['title', 'content']);
    expect(Object.keys(create.responses)).toEqual(['201', '4XX', '5XX']);
    expect(create.security[0]).toEqual({ bearer: [] });
    expect(body.paths['/health/live'].get.security).toEqual([]);
    expect(body.components.securitySchemes.bearer).toMatchObject({ type: 'http', scheme: 'bearer' });
  });

  it('every example in the docs of a body fits the schema it stands beside', async () => {
    const { body } = await api.call('GET', '/docs/json', { key: null });
    expect(body.openapi).toBe('3.1.0');
    const bodies = Object.entries<Record<string, { requestBody?: { content: Record<string, Media> } }>>(body.paths).flatMap(([path, methods]) =>
      Object.values(methods).flatMap(({ requestBody }) => (requestBody ? [{ path, media: requestBody.content['application/json'] }] : [])),
    );
    const checked = bodies.flatMap(({ path, media }) => {
      const schema = z.fromJSONSchema(media?.schema ?? {});
      const examples = media?.example ? [media.example] : Object.values(media?.examples ?? {}).map(({ value }) => value);
      expect(examples.filter((example) => !schema.safeParse(example).success)).toEqual([]);
      return examples.length > 0 ? [path] : [];
    });
    expect(checked.sort()).toEqual([
      '/api/analytics/jobs',
      '/api/conversations',
      '/api/conversations/{id}/analysis',
      '/api/conversations/{id}/responses',
      '/api/conversations/{id}/themes/merge',
      '/api/conversations/{id}/themes/{themeId}',
      '/api/credits/grant',
      '/api/dead-letters/replay',
      '/api/deals',
      '/api/deals/{id}',
      '/api/deals/{id}/members',
      '/api/deals/{id}/sources',
      '/api/deals/{id}/sources/{sourceId}',
      '/api/deals/{id}/sources/{sourceId}/sync',
      '/api/documents/{id}/process',
      '/api/emails',
      '/api/jobs',
      '/api/queue/trigger-daily-briefs',
      '/api/queue/{queue}/jobs',
      '/api/schedules',
      '/api/schedules/{id}',
      '/api/stories',
      '/api/webhooks/gmail',
      '/api/webhooks/graph',
    ]);
  });

  it('Swagger UI comes from here alone', async () => {
    const page = await api.call('GET', '/docs/', { key: null });
    expect(page.status).toBe(200);
    expect(page.body).not.toMatch(/(src|href)="https?:/);
    expect((await api.call('GET', '/docs/static/swagger-ui-bundle.js', { key: null })).status).toBe(200);
  });
});

describe('Bull Board', () => {
  it('shows queues and jobs, not what users wrote', async () => {
    const { id, runJobId } = await createStory(api, { headers: { 'x-correlation-id': 'seen-on-the-board' } });
    const { body } = await api.call('GET', `/admin/queues/api/queues?activeQueue=${QUEUE}&status=prioritized&page=1&jobsPerPage=10`);
    const [queue] = body.queues;
    expect(queue).toMatchObject({ name: QUEUE, readOnlyMode: true, allowRetries: false });
    const job = queue.jobs.find((one: { id: string }) => one.id === runJobId);
    expect(job.data).toMatchObject({ payload: { storyId: id }, meta: { correlationId: 'seen-on-the-board' } });
  });

  it('changes nothing', async () => {
    const { runJobId } = await createStory(api);
    const path = `/admin/queues/api/queues/${QUEUE}`;
    const attempts = await Promise.all([
      api.call('PUT', `${path}/${runJobId}/clean`),
      api.call('PUT', `${path}/pause`),
      api.call('PUT', `${path}/empty`),
      api.call('POST', `${path}/add`, { json: { name: 'enhance', data: {} } }),
    ]);
    expect(attempts.map(({ status }) => status)).toEqual([405, 405, 405, 405]);
    expect((await api.queue.getJob(QUEUE, runJobId))?.state).toBe('waiting');
    expect((await api.queue.stats())[QUEUE].paused).toBe(false);
  });

  it('refuses strangers in the shape of every failure', async () => {
    const { status, body } = await api.call('GET', '/admin/queues/api/queues', { key: null });
    expect([status, body]).toMatchObject([401, { success: false, error: { code: 'unauthorized' } }]);
  });

  it('redacts texts at any depth, and keeps ids, numbers and our own words', () => {
    const storyId = '3f2b1c6e-9f43-4f0e-8f43-6f1f2a3b4c5d';
    const payload = { storyId, review_text: 'I am Bob from 12 High Street', max_length: 5, list: ['secret', { deep: 'secret' }], none: null };
    expect(redact({ v: 1, payload, meta: { correlationId: 'order-1' } })).toEqual({
      v: 1,
      payload: { storyId, review_text: '[28 characters]', max_length: 5, list: ['[6 characters]', { deep: '[6 characters]' }], none: null },
      meta: { correlationId: 'order-1' },
    });
  });
});

describe('closing', () => {
  it('does not wait for connections that were opened in advance and never used', async () => {
    const other = await startApi();
    const socket = connect(Number(new URL(other.url).port), '127.0.0.1');
    await new Promise((resolve) => other.app.server.once('connection', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await other.stop();
    await closed;
  });

  it('answers what is under way, and lets its connection go', async () => {
    const opened = gate();
    const asked = gate();
    const lastPoll = async () => {
      asked.open();
      await opened.opened;
      return 1;
    };
    const other = await startApi({ deps: { workers: { lastPoll } } });
    const reply = other.call('GET', '/api/worker/health');
    await asked.opened;
    const stopped = other.stop();
    await eventually(() => expect(other.app.server.listening).toBe(false));
    opened.open();
    expect(await reply).toMatchObject({ status: 200, body: { healthy: false, lastPoll: 1 } });
    expect((await reply).headers.get('connection')).toBe('close');
    await stopped;
  });
});

describe('listening', () => {
  it('on a taken port says which, and which variable to change', async () => {
    const taken = fastify();
    await taken.listen({ host: '127.0.0.1', port: 0 });
    const { port } = taken.server.address() as AddressInfo;
    const app = await buildServer(api.deps);
    await expect(listenFriendly(app, { host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'port_taken',
      message: `Port ${port} on 127.0.0.1 is taken by another program. Stop it, or set PORT to a free one (PORT=${port + 1} npm start).`,
    });
    await taken.close();
    expect(await listenFriendly(app, { host: '127.0.0.1', port })).toEqual({ port });
    await app.close();
  });

  it('on an address of another machine says so', async () => {
    const app = await buildServer(api.deps);
    await expect(listenFriendly(app, { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({ code: 'host_unknown' });
    await app.close();
  });
});
