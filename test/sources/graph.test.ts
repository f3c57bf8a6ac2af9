import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { PermanentError, RateLimitedError, UnavailableError } from '../../lib/errors.ts';
import { wholeAnswer } from '../../lib/sources/graph/body.ts';
import { createGraph, type GraphDeps } from '../../lib/sources/graph/client.ts';
import type { GraphDownload } from '../../lib/sources/graph/contract.ts';
import { answering } from '../mail/gmail/support.ts';

const openStore: GraphDeps['store'] = {
  limitedUntil: async () => 0,
  limit: async () => undefined,
  acquire: async () => true,
  release: async () => undefined,
};

function open(baseUrl: string, { timings, ...changes }: Partial<GraphDeps> = {}) {
  return createGraph({
    connectionId: 'anna',
    accounts: { accessToken: async () => 'secret-token' },
    store: openStore,
    clock: systemClock,
    signal: new AbortController().signal,
    baseUrl,
    label: 'SharePoint',
    access: 'files',
    timings: { retryMs: 1, retries: 0, ...timings },
    ...changes,
  });
}

/** What was asked, with the token or without. */
interface Asked {
  line: string;
  authorization: string | undefined;
  range: string | undefined;
  body: string;
}

async function serve(answer: (request: IncomingMessage, response: ServerResponse, asked: Asked[]) => void) {
  const asked: Asked[] = [];
  const { url } = await answering((request, response) => {
    const { authorization, range } = request.headers;
    asked.push({ line: `${request.method} ${request.url}`, authorization, range, body: '' });
    answer(request, response, asked);
  });
  return { url, asked };
}

function json(response: ServerResponse, value: unknown, status = 200, headers: Record<string, string> = {}) {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers }).end(JSON.stringify(value));
}

async function readAll(file: GraphDownload | undefined): Promise<string> {
  if (!file) throw new Error('no file');
  const read: Uint8Array[] = [];
  for await (const chunk of file.content) read.push(chunk);
  return Buffer.concat(read).toString();
}

const asking = { method: 'drive delta', fields: ['folder'] };

it('asks by path, and follows links to the letter', async () => {
  const { url, asked } = await serve((_, response) => json(response, { value: [] }));
  const graph = open(`${url}/`);
  await graph.get('/me/drive/root/delta?$select=id,name&token=latest', asking);
  const opaque = `/v1.0/drives/b!a-_/root/delta(token='MzslMjM0OyUyMzE7Mzs')?z=1&$skiptoken=a%2Bb%3D%3D&$top=2&$select=b&$select=a&x=https://y/z&&flag`;
  await graph.get(url + opaque, asking);
  expect(asked.map(({ line }) => line)).toEqual(['GET /v1.0/me/drive/root/delta?$select=id,name&token=latest', `GET ${opaque}`]);
  expect(new Set(asked.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer secret-token']));
});

it('refuses a link that leads elsewhere before any token is sent', async () => {
  const elsewhere = await serve((_, response) => json(response, {}));
  const { url, asked } = await serve((_, response) => json(response, {}));
  const graph = open(url);
  const port = new URL(url).port;
  for (const link of [
    `${elsewhere.url}/v1.0/me`,
    `http://127.0.0.1:${port}@${new URL(elsewhere.url).host}/`,
    `//${new URL(elsewhere.url).host}/me`,
    'file:///etc/passwd',
    'me',
  ]) {
    await expect(graph.get(link, asking)).rejects.toMatchObject({ name: 'PermanentError', code: 'foreign_link' });
  }
  expect([...asked, ...elsewhere.asked]).toEqual([]);
});

it('does not follow a redirect of an answer, since the token would go along', async () => {
  const elsewhere = await serve((_, response) => json(response, {}));
  const { url } = await serve((_, response) => response.writeHead(302, { location: elsewhere.url }).end());
  await expect(open(url).get('/me/drive', asking)).rejects.toMatchObject({ details: { status: 302 } });
  expect(elsewhere.asked).toEqual([]);
});

const MESSAGE = 'The resource /sites/project-nova/Offer.docx of anna@contoso.com is out of reach';
const refusal = (code: string) => ({
  error: { code, message: MESSAGE, innerError: { code: 'inner', date: '2026-11-22T08:00:00', 'request-id': 'r' } },
});

it.each<[string, number, unknown, Record<string, string>, object]>([
  ['a missing item', 404, refusal('itemNotFound'), {}, { code: 'invalid_request', details: { status: 404, reason: 'itemNotFound' } }],
  ['a lack of rights', 403, refusal('accessDenied'), {}, { code: 'forbidden', message: expect.stringContaining('access=files') }],
  ['an expired cursor', 410, refusal('resyncRequired'), { location: 'http://127.0.0.1/' }, { details: { status: 410, reason: 'resyncRequired' } }],
  ['a limit', 429, refusal('activityLimitReached'), { 'retry-after': '30' }, { name: 'RateLimitedError', retryAfterMs: 30_000 }],
  [
    'a limit of SharePoint',
    503,
    refusal('serviceNotAvailable'),
    { 'retry-after': '30' },
    { name: 'RateLimitedError', key: 'account:microsoft:anna' },
  ],
  ['a failure', 503, refusal('serviceNotAvailable'), {}, { name: 'UnavailableError' }],
  ['a word that is none', 400, refusal('see C:\\Users\\anna'), {}, { details: { status: 400, reason: 'unknown' } }],
  ['no JSON', 502, '<html>anna@contoso.com</html>', {}, { name: 'UnavailableError', details: { reason: 'unknown' } }],
  ['an answer of a proxy', 200, '<html>anna@contoso.com</html>', {}, { name: 'UnavailableError' }],
])('judges %s by status, headers and code, and keeps the words to itself', async (_, status, body, headers, expected) => {
  const { url } = await serve((_request, response) =>
    typeof body === 'string' ? response.writeHead(status, { 'content-type': 'text/html' }).end(body) : json(response, body, status, headers),
  );
  const error = await open(url)
    .get('/me/drive/root/delta', asking)
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject(expected);
  expect(`${error} ${JSON.stringify(error)}`).not.toMatch(/anna@|nova|Offer|secret-token/);
});

it('finds nothing where there is nothing, and removes what is gone already', async () => {
  const { url } = await serve((_, response) => json(response, refusal('itemNotFound'), 404));
  const graph = open(url);
  await expect(graph.find('/sites/nothing', asking)).resolves.toBeUndefined();
  await expect(graph.remove('/subscriptions/1', asking)).resolves.toBeUndefined();
  await expect(graph.download({ path: '/me/drive/items/1/content' }, asking)).resolves.toBeUndefined();
});

it('asks for another token once when Graph refuses one', async () => {
  const { url, asked } = await serve((request, response) =>
    request.headers.authorization === 'Bearer fresh' ? json(response, { ok: true }) : json(response, refusal('InvalidAuthenticationToken'), 401),
  );
  const accounts: GraphDeps['accounts'] = { accessToken: async (_, options) => (options?.rejected === 'old' ? 'fresh' : 'old') };
  await expect(open(url, { accounts }).get('/me', asking)).resolves.toEqual({ ok: true });
  expect(asked.map(({ authorization }) => authorization)).toEqual(['Bearer old', 'Bearer fresh']);
});

it('repeats an answer that breaks off', async () => {
  const { url, asked } = await serve((_, response, { length }) => {
    if (length > 1) return json(response, { value: [1] });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' }).write('{"value":[', () => response.destroy());
  });
  await expect(open(url, { timings: { retries: 1, retryMs: 1 } }).get('/me', asking)).resolves.toEqual({ value: [1] });
  expect(asked).toHaveLength(2);
});

it('tells by its code why Graph cannot be reached', async () => {
  const { url } = await serve((_, response) => response.destroy());
  await expect(open(url).get('/me', asking)).rejects.toThrow(/drive delta, (UND_ERR_SOCKET|ECONNRESET)/);
});

it('reads no more of an answer than it may', async () => {
  const { url } = await serve((_, response) => response.writeHead(200).end('x'.repeat(1_000)));
  await expect(wholeAnswer(await fetch(url), 999, 'SharePoint')).rejects.toMatchObject({ code: 'answer_too_big' });
  await expect((await wholeAnswer(await fetch(url), 1_000, 'SharePoint')).text()).resolves.toHaveLength(1_000);
});

it('follows /content to the signed address without the token, and counts both calls', async () => {
  const files = await serve((_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('hello'));
  const { url } = await serve((_, response) => response.writeHead(302, { location: `${files.url}/signed?tempauth=x` }).end());
  const graph = open(url);
  const file = await graph.download({ path: '/me/drive/items/1/content' }, asking);
  expect(file).toMatchObject({ mimeType: 'text/plain' });
  await expect(readAll(file)).resolves.toBe('hello');
  expect(files.asked).toMatchObject([{ line: 'GET /signed?tempauth=x', authorization: undefined }]);
  expect(graph.calls).toBe(2);
});

it('calls a signed address without the token, and says when it is valid no more', async () => {
  const { url, asked } = await serve((request, response) => response.writeHead(request.url === '/old' ? 401 : 200).end('hello'));
  const graph = open(url);
  await expect(graph.download({ signedUrl: `${url}/old` }, asking)).resolves.toBeUndefined();
  const file = await graph.download({ signedUrl: `${url}/new` }, asking);
  await expect(readAll(file)).resolves.toBe('hello');
  expect(asked.map(({ line, authorization }) => [line, authorization])).toEqual([
    ['GET /old', undefined],
    ['GET /new', undefined],
  ]);
  await expect(graph.download({ signedUrl: 'file:///etc/passwd' }, asking)).rejects.toMatchObject({ code: 'foreign_link' });
});

it('refuses an address in the clear where Graph itself is not', async () => {
  const { url, asked } = await serve((_, response) => response.end('hello'));
  await expect(open('https://graph.example').download({ signedUrl: url }, asking)).rejects.toBeInstanceOf(PermanentError);
  expect(asked).toEqual([]);
});

it('reads a file for longer than it waits for an answer', async () => {
  const { url } = await serve((_, response) => {
    response.writeHead(200, { 'content-length': '10' }).write('hello');
    setTimeout(() => response.end('world'), 150);
  });
  const file = await open(url, { timings: { timeoutMs: 100, retries: 5 } }).download({ signedUrl: url }, asking);
  await expect(readAll(file)).resolves.toBe('helloworld');
});

it('does not wait for a file that is not answered', async () => {
  const { url } = await serve(() => undefined);
  const graph = open(url, { timings: { timeoutMs: 30, retries: 0 } });
  await expect(graph.download({ signedUrl: url }, asking)).rejects.toThrow('SharePoint did not answer drive delta within 30 ms');
});

const TEXT = 'a file that is sent in three parts';

/** Sends ten bytes more with each request, from where it is asked to. */
function cutting(response: ServerResponse, range: string | undefined, etag: string | undefined, parts = true) {
  const from = parts ? Number(range?.match(/\d+/)?.[0] ?? 0) : 0;
  const about = parts && range ? { 'content-range': `bytes ${from}-${TEXT.length - 1}/${TEXT.length}` } : {};
  response.writeHead(parts && range ? 206 : 200, { ...(etag ? { etag } : {}), ...about, 'content-length': String(TEXT.length - from) });
  const last = from + 12 >= TEXT.length;
  response.write(TEXT.slice(from, from + 12), () => (last ? response.end() : response.destroy()));
}

it('goes on with a file that breaks off where it stopped', async () => {
  const { url, asked } = await serve((request, response) => cutting(response, request.headers.range, '"v1"'));
  const file = await open(url).download({ signedUrl: url }, asking);
  expect(file?.sizeBytes).toBe(TEXT.length);
  await expect(readAll(file)).resolves.toBe(TEXT);
  expect(asked.map(({ range }) => range)).toEqual([undefined, 'bytes=12-', 'bytes=24-']);
});

it.each<[string, (request: IncomingMessage, response: ServerResponse, asked: Asked[]) => void]>([
  ['is another file now', (request, response, { length }) => cutting(response, request.headers.range, `"v${length}"`)],
  ['is sent from its beginning alone', (request, response) => cutting(response, request.headers.range, '"v1"', false)],
  ['cannot be told from another', (request, response) => cutting(response, request.headers.range, undefined)],
  ['is gone', (request, response) => (request.headers.range ? response.writeHead(404).end() : cutting(response, undefined, '"v1"'))],
])('does not go on with a file that %s', async (_, answer) => {
  const { url } = await serve(answer);
  const file = await open(url).download({ signedUrl: url }, asking);
  await expect(readAll(file)).rejects.toBeInstanceOf(UnavailableError);
});

it('gives a file up that breaks off again and again', async () => {
  const { url, asked } = await serve((request, response) => {
    const from = Number(request.headers.range?.match(/\d+/)?.[0] ?? 0);
    const about = { etag: '"v1"', 'content-length': String(100 - from), 'content-range': `bytes ${from}-99/100` };
    response.writeHead(request.headers.range ? 206 : 200, about).write('x', () => response.destroy());
  });
  const file = await open(url).download({ signedUrl: url }, asking);
  await expect(readAll(file)).rejects.toBeInstanceOf(UnavailableError);
  expect(asked).toHaveLength(4);
});

it('keeps a pause that the host of the files asks for', async () => {
  const { url } = await serve((_, response) => response.writeHead(429, { 'retry-after': '60' }).end());
  await expect(open(url).download({ signedUrl: url }, asking)).rejects.toBeInstanceOf(RateLimitedError);
});
