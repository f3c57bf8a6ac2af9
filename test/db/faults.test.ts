import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDb } from '../../lib/db/client.ts';
import type { Db } from '../../lib/db/types.ts';
import { freePort } from '../support/port.ts';
import { newStory } from './worlds.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that says what a test tells it to: what gateways and PostgREST do in bad times. */
let server: Server;
let requests: string[];
let answer: Answer;
let url: string;
const STORY = '22e911f2-5b13-4a0b-9e38-34e4f37871f4';

beforeEach(async () => {
  requests = [];
  server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url?.split('?')[0]}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // An address is a string only for sockets in the file system.
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const connect = (timeoutMs = 10_000): Db => createDb({ url, serviceKey: 'sb_secret_key', timeoutMs });
const json =
  (status: number, body: unknown): Answer =>
  (_, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const hangUp: Answer = (request) => request.socket.destroy();

describe('the database API in bad times', () => {
  it('is unavailable when nothing listens', async () => {
    const db = createDb({ url: `http://127.0.0.1:${await freePort()}`, serviceKey: 'sb_secret_key', timeoutMs: 500 });
    const calls = [db.stories.get(STORY), db.stories.list({ limit: 1 }), db.stories.create(newStory()), db.ai.spentTodayUsd(0), db.check()];
    const away = { status: 'rejected', reason: { name: 'UnavailableError', code: 'database_unreachable', retryable: true } };
    expect(await Promise.allSettled(calls)).toMatchObject(calls.map(() => away));
    await expect(db.userOf('a.b.c')).rejects.toMatchObject({ name: 'UnavailableError' });
  });

  it('is unavailable when it never answers, or never ends its answer', async () => {
    answer = () => {};
    await expect(connect(200).stories.get(STORY)).rejects.toMatchObject({ code: 'database_timeout', retryable: true });
    await expect(connect(200).stories.create(newStory())).rejects.toMatchObject({ code: 'database_timeout' });
    answer = (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).write('[');
    await expect(connect(200).stories.get(STORY)).rejects.toMatchObject({ code: 'database_timeout' });
  });

  it('is asked three times for what may be repeated, and once for what may not', async () => {
    answer = hangUp;
    await expect(connect().stories.get(STORY)).rejects.toMatchObject({ code: 'database_unreachable' });
    await expect(connect().stories.recordUnchanged(STORY, 'run')).rejects.toMatchObject({ code: 'database_unreachable' });
    await expect(connect().stories.create(newStory())).rejects.toMatchObject({ code: 'database_unreachable' });
    const counts = Map.groupBy(requests, (request) => request);
    expect([...counts].map(([request, all]) => [request, all.length])).toEqual([
      ['GET /rest/v1/stories', 3],
      ['POST /rest/v1/rpc/record_story_unchanged', 3],
      ['POST /rest/v1/stories', 1],
    ]);
  });

  it('answers when it comes back in time', async () => {
    answer = (request, response) => (requests.length < 3 ? hangUp(request, response) : json(200, [])(request, response));
    expect(await connect().stories.get(STORY)).toBeUndefined();
    expect(requests).toHaveLength(3);
  });

  it.each([
    ['a gateway without a server behind it', 502, '<html>Bad gateway</html>', { code: 'unavailable', retryable: true }],
    ['a full server', 429, { message: 'slow down' }, { code: 'unavailable', retryable: true }],
    ['no connections left', 503, { code: '53300', message: 'too many connections' }, { code: 'unavailable', retryable: true }],
    ['a statement cut off', 500, { code: '57014', message: 'canceling statement' }, { code: 'unavailable', retryable: true }],
    ['a wrong key', 401, { message: 'Invalid API key' }, { code: 'unauthorized', retryable: false }],
    ['an expired token', 401, { code: 'PGRST303', message: 'JWT expired' }, { code: 'unauthorized', retryable: false }],
    ['no permission', 403, { code: '42501', message: 'permission denied' }, { code: 'forbidden', retryable: false }],
    ['a missing table', 404, { code: 'PGRST205', message: 'no table' }, { code: 'schema_missing', retryable: false }],
    ['a value out of range', 400, { code: '22003', message: 'numeric field overflow' }, { code: 'invalid_input', retryable: false }],
    ['a wrong address', 404, '', { code: 'database_error', retryable: false }],
    ['a page of something else', 200, '<html>', { retryable: false }],
    ['rows of another shape', 200, [{ id: 1 }], { code: 'unexpected_row', retryable: false }],
  ])('tells %s (%i) by its own error', async (_, status, body, expected) => {
    answer = (request, response) => (typeof body === 'string' ? response.writeHead(status).end(body) : json(status, body)(request, response));
    await expect(connect().stories.get(STORY)).rejects.toMatchObject(expected);
  });

  it('takes a refused token for nobody and a failing auth server for unavailable', async () => {
    answer = json(403, { code: 403, error_code: 'bad_jwt', msg: 'invalid JWT' });
    expect(await connect().userOf('a.b.c')).toBeUndefined();
    answer = json(500, { msg: 'internal' });
    await expect(connect().userOf('a.b.c')).rejects.toMatchObject({ name: 'UnavailableError' });
  });
});
