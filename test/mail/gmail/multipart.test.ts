import { describe, expect, it } from 'vitest';
import { readPart } from '../../../lib/mail/gmail/batch.ts';
import { boundaryOf, partsOf } from '../../../lib/mail/gmail/multipart.ts';

/** After the example of Google's guide "Batching requests". */
const EXAMPLE = `--batch_foobarbaz
Content-Type: application/http
Content-ID: <response-item-0@hivepulse>

HTTP/1.1 200 OK
Content-Type: application/json
Content-Length: 28
ETag: "etag/pony"

{"id":"pony","snippet":"né"}
--batch_foobarbaz
Content-Type: application/http
Content-ID: <response-item-2@hivepulse>

HTTP/1.1 304 Not Modified
ETag: "etag/animals"


--batch_foobarbaz
Content-ID: response-item-1@hivepulse
Content-Type: application/http

HTTP/1.1 429 Too Many Requests
Retry-After: 7
Content-Type: application/json

{"error":{"code":429}}
--batch_foobarbaz--
`;

async function read(answer: string, { chunk = answer.length, boundary = 'batch_foobarbaz' } = {}) {
  const bytes = Buffer.from(answer);
  async function* chunks() {
    for (let from = 0; from < bytes.length; from += chunk) yield bytes.subarray(from, from + chunk);
  }
  const parts = [];
  for await (const part of partsOf(chunks(), boundary)) parts.push(readPart(part));
  return parts.map((part) => part && { place: part.place, status: part.status, body: part.body, retryAfter: part.headers.get('retry-after') });
}

const EXPECTED = [
  { place: 0, status: 200, body: '{"id":"pony","snippet":"né"}', retryAfter: null },
  { place: 2, status: 304, body: '', retryAfter: null },
  { place: 1, status: 429, body: '{"error":{"code":429}}', retryAfter: '7' },
];

describe('the answer to a batch', () => {
  it.each([
    ['with CRLF', EXAMPLE.replaceAll('\n', '\r\n')],
    ['with LF', EXAMPLE],
    ['after a preamble', `ignored\r\n${EXAMPLE}`],
    ['before an epilogue', `${EXAMPLE}ignored\n`],
    ['with padding after the boundary', EXAMPLE.replaceAll('baz\n', 'baz \t\n')],
  ])('%s is taken apart', async (_, answer) => {
    const parts = await read(answer);
    expect(parts.map((part) => part && { ...part, body: part.body.trim() })).toEqual(EXPECTED);
  });

  it.each([1, 2, 3, 7, 19, 64])('may come in pieces of %i bytes', async (chunk) => {
    const parts = await read(EXAMPLE.replaceAll('\n', '\r\n'), { chunk });
    expect(parts.map((part) => part && { ...part, body: part.body.trim() })).toEqual(EXPECTED);
  });

  it('keeps a part of many megabytes whole, and what follows it', async () => {
    const long = JSON.stringify({ id: 'pony', snippet: 'né --batch_foobarbaz '.repeat(200_000) });
    const parts = await read(EXAMPLE.replace('{"id":"pony","snippet":"né"}', long), { chunk: 16_384 });
    expect(parts.map((part) => part?.status)).toEqual([200, 304, 429]);
    expect(parts[0]?.body).toBe(long);
  });

  it.each([1_000, 16_384, 65_536])('may have many parts of any length, in pieces of %i bytes', async (chunk) => {
    const bodies = Array.from({ length: 200 }, (_, n) => JSON.stringify({ id: `${n}`, snippet: 'né'.repeat((n * 7_919) % 9_001) }));
    const parts = bodies.map((body, n) => `--b\r\nContent-ID: <response-item-${n}>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n${body}\r\n`);
    const answer = await read(`${parts.join('')}--b--\r\n`, { chunk, boundary: 'b' });
    expect(answer.map((part) => part?.body)).toEqual(bodies);
  });

  it('leaves out a part that breaks off', async () => {
    const parts = await read(EXAMPLE.slice(0, EXAMPLE.indexOf('Retry-After')));
    expect(parts.map((part) => part?.status)).toEqual([200, 304]);
  });

  it.each([
    ['is no multipart', '<html>Sorry</html>'],
    ['has another boundary', EXAMPLE.replaceAll('batch_', 'other_')],
    ['is empty', ''],
  ])('that %s has no parts', async (_, answer) => {
    expect(await read(answer)).toEqual([]);
  });

  it('has parts that answer nothing where there is no status line', async () => {
    expect(await read('--batch_foobarbaz\n\nnonsense\n--batch_foobarbaz\n--batch_foobarbaz--\n')).toEqual([undefined, undefined]);
  });
});

describe('a boundary', () => {
  it.each([
    ['multipart/mixed; boundary=batch_x', 'batch_x'],
    ['multipart/mixed; boundary="batch x;y"; charset=UTF-8', 'batch x;y'],
    ['multipart/mixed;charset=UTF-8;Boundary=batch_x;a=b', 'batch_x'],
    ['text/html', undefined],
    [null, undefined],
  ])('in %s is %s', (contentType, boundary) => {
    expect(boundaryOf(contentType)).toBe(boundary);
  });
});
