import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { UnavailableError } from '../../lib/errors.ts';
import { EnqueueError } from '../../lib/queue/errors.ts';
import { type Api, eventually, QUEUE, type Reply, seedStory, startApi } from './world.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());
afterEach(() => api.db.breakWith(undefined));

function expectFailure({ status, headers, body }: Reply, expectedStatus: number, code: string): void {
  expect({ status, code: body?.error?.code }).toEqual({ status: expectedStatus, code });
  expect(headers.get('content-type')).toMatch(/^application\/json/);
  expect(body).toMatchObject({ success: false, error: { code, message: expect.any(String) } });
  expect(Object.keys(body)).toEqual(['success', 'error']);
}

describe('every failure has one shape', () => {
  it('404 for a route that does not exist', async () => {
    const reply = await api.call('GET', '/api/nothing-here?with=query');
    expectFailure(reply, 404, 'not_found');
    expect(reply.body.error.message).toBe('There is no route GET /api/nothing-here. All routes stand at /docs.');
  });

  it('405 for a route that takes other methods, naming them', async () => {
    const reply = await api.call('PUT', '/api/stories/8f2f0a52-7a1e-4b8a-9a53-0c3a7d1f5d11', { json: {} });
    expectFailure(reply, 405, 'method_not_allowed');
    expect(reply.headers.get('allow')).toBe('GET, HEAD');
  });

  it('400 for what is not JSON, with the position', async () => {
    const reply = await api.call('POST', '/api/stories', { text: '{"title": "x", content: "y"}' });
    expectFailure(reply, 400, 'invalid_json');
    expect(reply.body.error.message).toBe('The body is not JSON: at position 15 (line 1, column 16) expected a key in double quotes.');
    expect(reply.body.error.details).toEqual({ position: 15, line: 1, column: 16, expected: 'a key in double quotes' });
  });

  it('400 for keys that would reach into prototypes', async () => {
    expectFailure(await api.call('POST', '/api/stories', { text: '{"__proto__": {"admin": true}, "title": "x"}' }), 400, 'invalid_json');
  });

  it('400 for a body that is not there', async () => {
    const reply = await api.call('POST', '/api/stories', { text: '' });
    expectFailure(reply, 400, 'invalid_input');
  });

  it('400 for input that does not fit, naming each field and what it should be', async () => {
    const reply = await api.call('POST', '/api/stories', { json: { title: ' ', impactTags: ['ok', 7] } });
    expectFailure(reply, 400, 'invalid_input');
    expect(reply.body.error.details.issues).toEqual([
      { path: 'body.title', message: 'must not be blank' },
      { path: 'body.content', message: 'Invalid input: expected string, received undefined' },
      { path: 'body.impactTags.1', message: 'Invalid input: expected string, received number' },
    ]);
    expect(reply.body.error.message).toContain('body.title: must not be blank');
  });

  it('400 for queries and parameters too', async () => {
    expect((await api.call('GET', '/api/stories?limit=1000')).body.error.details.issues[0].path).toBe('query.limit');
    expect((await api.call('GET', '/api/stories/17')).body.error.details.issues).toEqual([
      { path: 'params.id', message: 'must be the uuid of a story' },
    ]);
    expect((await api.call('GET', '/api/stories?cursor=made-up')).body.error.details.issues[0].path).toBe('cursor');
  });

  it('413 for a body over the limit, before it is read whole', async () => {
    const reply = await api.call('POST', '/api/stories', { json: { ...seedStory, content: 'x'.repeat(1024 * 1024) } });
    expectFailure(reply, 413, 'body_too_large');
    expect(reply.body.error.details).toEqual({ bodyLimitBytes: 1024 * 1024 });
  });

  it('413 for a body over the limit that does not say how long it is', async () => {
    const chunk = new TextEncoder().encode('x'.repeat(64 * 1024));
    let sent = 0;
    const endless = new ReadableStream({ pull: (controller) => (sent++ < 40 ? controller.enqueue(chunk) : controller.close()) });
    const headers = { authorization: `Bearer ${api.deps.options.apiKeys[0]}`, 'content-type': 'application/json' };
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', headers, body: endless, duplex: 'half' };
    const reply = await fetch(`${api.url}/api/stories`, init);
    expect(reply.status).toBe(413);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml'])('415 for %s', async (type) => {
    const reply = await api.call('POST', '/api/stories', { text: 'title=x', headers: { 'content-type': type } });
    expectFailure(reply, 415, 'unsupported_media_type');
    expect(reply.body.error.message).toContain('Content-Type: application/json');
  });

  it('400 for an address that cannot be decoded', async () => {
    expectFailure(await api.call('GET', '/api/stories/%E0%A4%A'), 400, 'bad_request');
  });

  it('503 when the database is away', async () => {
    api.db.breakWith(new UnavailableError('The database did not answer in time'));
    expectFailure(await api.call('GET', '/api/stories'), 503, 'unavailable');
  });

  it('500 for what nobody foresaw, with the correlation id and nothing of the cause', async () => {
    api.db.breakWith(new TypeError('connect to postgres://admin:hunter2@10.0.0.7/db failed'));
    const reply = await api.call('GET', '/api/stories', { headers: { 'x-correlation-id': 'my-own-id' } });
    expectFailure(reply, 500, 'internal_error');
    expect(reply.body.error.details).toEqual({ correlationId: 'my-own-id' });
    expect(JSON.stringify(reply.body)).not.toMatch(/hunter2|postgres|TypeError/);
  });

  it('answers even what Node cannot parse', async () => {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.write('NONSENSE\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    const [head, body] = Buffer.concat(chunks).toString().split('\r\n\r\n');
    expect(head).toContain('HTTP/1.1 400 Bad Request');
    expect(JSON.parse(body ?? '')).toMatchObject({ success: false, error: { code: 'bad_request' } });
  });
});

describe('a queue that is away', () => {
  const enqueue = (outcome: 'not_sent' | 'unknown') => async () => {
    throw new EnqueueError(outcome, 'key-1', `Redis is away: ${outcome}.`, undefined);
  };

  it.each(['not_sent', 'unknown'] as const)('answers 503 with code %s and the key to repeat with', async (outcome) => {
    const other = await startApi({ deps: { queue: { ...api.queue, enqueue: enqueue(outcome) } } });
    const reply = await other.call('POST', `/api/queue/${QUEUE}/jobs`, { json: { name: 'enhance', payload: { storyId: crypto.randomUUID() } } });
    expectFailure(reply, 503, outcome);
    expect(reply.body.error.details).toEqual({ idempotencyKey: 'key-1' });
    await other.stop();
  });

  it('is told by a real Redis that was killed, within 2 s', async () => {
    const other = await startApi();
    await other.redis.kill();
    const replies = await Promise.all([other.call('GET', '/api/queue/stats'), other.call('GET', '/health/ready')]);
    expect(replies.map(({ status, body }) => [status, body.error.code])).toEqual([
      [503, 'unavailable'],
      [503, 'not_ready'],
    ]);
    expect(replies[1]?.body.error.details).toEqual({ checks: { queue: 'unreachable', database: 'ok' } });
    await other.stop();
  });

  it('loses no story: it is stored together with its job, which is sent later', async () => {
    const other = await startApi();
    await other.redis.kill();
    const created = await other.call('POST', '/api/stories', { json: seedStory });
    expect(created.status).toBe(201);
    const { id, jobId, runJobId } = created.body.data.story;
    expect(await other.db.stories.get(id)).toMatchObject({ jobId: runJobId, scoringStatus: 'queued' });
    const again = await other.call('POST', `/api/stories/${id}/enhance`);
    expect(again).toMatchObject({ status: 202, body: { data: { jobId, runJobId: expect.stringContaining(jobId), deduplicated: false } } });
    await other.redis.restart();
    await eventually(() => other.relay.runOnce());
    const waiting = await other.queue.findUnfinished(QUEUE, jobId);
    expect([runJobId, again.body.data.runJobId]).toContain(waiting);
    expect((await other.db.stories.get(id))?.jobId).toBe(waiting);
    await other.stop();
  });

  it('takes, shows and cancels review jobs all the same', async () => {
    const other = await startApi();
    const user = await other.db.signUp();
    await other.db.credits.grant({ userId: user.id, amount: 1 });
    await other.redis.kill();
    const json = { type: 'sentiment_analysis', payload: { text: 'Lovely.' } };
    const { status, body } = await other.call('POST', '/api/jobs', { jwt: user.jwt, json });
    expect(status).toBe(201);
    const path = `/api/jobs/${body.data.job.id}`;
    expect((await other.call('GET', path, { jwt: user.jwt })).body.data.job.status).toBe('pending');
    expect(await other.call('DELETE', path, { jwt: user.jwt })).toMatchObject({ status: 200, body: { data: { outcome: 'cancelled', balance: 1 } } });
    await other.stop();
  });
});
