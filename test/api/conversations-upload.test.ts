import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnavailableError } from '../../lib/errors.ts';
import type { TestUser } from '../support/users.ts';
import { createConversation, storedTexts } from './conversation-world.ts';
import { type Api, eventually, KEY, type Reply, startApi } from './world.ts';

const LIMIT = 256 * 1024;
const example = new URL('../../examples/data/conversations/bg2050-volunteers/comments.csv', import.meta.url);

let api: Api;
let alice: TestUser;
beforeAll(async () => {
  api = await startApi({ options: { uploadLimitBytes: LIMIT } });
  alice = await api.db.signUp();
});
afterAll(() => api.stop());

const newConversation = () => createConversation(api, { jwt: alice.jwt });
const upload = (id: string, text: string, query = '', type = 'text/csv') =>
  api.call('POST', `/api/conversations/${id}/responses${query}`, { jwt: alice.jwt, text, headers: { 'content-type': type } });

function rows(count: number, from = 0): string {
  return Array.from({ length: count }, (_, index) => `${from + index},"answer ${from + index},\nwith a second line"\n`).join('');
}

describe('answers as JSON', () => {
  it('are stored in their order; those whose id is there are skipped', async () => {
    const id = await newConversation();
    const send = (responses: unknown) => api.call('POST', `/api/conversations/${id}/responses`, { jwt: alice.jwt, json: { responses } });
    const first = await send(['plain', { text: 'with id', externalId: 'a' }, ' ']);
    expect([first.status, first.body.data]).toEqual([
      200,
      {
        rows: 3,
        added: 3,
        skipped: 0,
        empty: 1,
        badRows: { count: 0, first: [] },
        column: null,
        idColumn: null,
        delimiter: null,
        encoding: null,
        header: null,
      },
    ]);
    expect((await send([{ text: 'other words', externalId: 'a' }, 'more'])).body.data).toMatchObject({ added: 1, skipped: 1 });
    expect(await storedTexts(api, id)).toEqual(['plain', 'with id', ' ', 'more']);
  });

  it('400 names the answer that is wrong', async () => {
    const id = await newConversation();
    const paths = [];
    for (const json of [
      {},
      { responses: [] },
      { responses: ['a', { txt: 'b' }] },
      { responses: ['x'.repeat(10_001)] },
      { responses: Array(5_001).fill('a') },
    ]) {
      const { status, body } = await api.call('POST', `/api/conversations/${id}/responses`, { jwt: alice.jwt, json });
      paths.push([status, body.error.code, body.error.details.issues[0].path]);
    }
    const wrong = (path: string) => [400, 'invalid_input', path];
    expect(paths).toEqual(['body.responses', 'body.responses', 'body.responses.1', 'body.responses.0', 'body.responses'].map(wrong));
    expect(await storedTexts(api, id)).toEqual([]);
  });
});

describe('answers as CSV', () => {
  it('a real file: found and reported', async () => {
    const id = await newConversation();
    const { status, body } = await upload(id, await readFile(example, 'utf8'), '?idColumn=comment-id');
    expect([status, body.data]).toEqual([
      200,
      {
        rows: 371,
        added: 371,
        skipped: 0,
        empty: 0,
        badRows: { count: 0, first: [] },
        column: 'comment-body',
        idColumn: 'comment-id',
        delimiter: ',',
        encoding: 'utf-8',
        header: true,
      },
    ]);
    const again = await upload(id, await readFile(example, 'utf8'), '?idColumn=comment-id');
    expect(again.body.data).toMatchObject({ rows: 371, added: 0, skipped: 371 });
  });

  it('column, delimiter, header and encoding can be named in the query', async () => {
    const id = await newConversation();
    const { body } = await upload(id, 'a b;c d\ne f;g h\n', '?column=2&delimiter=semicolon&header=false');
    expect([body.data.delimiter, body.data.header, await storedTexts(api, id)]).toEqual([';', false, ['c d', 'g h']]);
    const problems = [];
    for (const query of ['?column=text', '?delimiter=x', '?header=maybe', '?colum=1', '?encoding=utf-9']) {
      const reply = await upload(id, 'id,comment\n1,a b\n', query);
      problems.push([reply.status, reply.body.error.details.issues[0].path]);
    }
    expect(problems).toEqual([
      [400, 'column'],
      [400, 'query.delimiter'],
      [400, 'query.header'],
      [400, 'query'],
      [400, 'encoding'],
    ]);
  });

  it('the charset of the content type is heeded', async () => {
    const id = await newConversation();
    const reply = await fetch(`${api.url}/api/conversations/${id}/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${alice.jwt}`, 'content-type': 'text/csv; charset=koi8-r' },
      body: Buffer.from([0xe9, 0x20, 0xf1]),
    });
    expect([reply.status, await storedTexts(api, id)]).toEqual([200, ['И Я']]);
  });

  it('bad rows are reported with their lines, the rest goes in', async () => {
    const id = await newConversation();
    const { body } = await upload(id, `id,text\n${rows(400)}x\n9,"a"b\n${rows(10, 5_000)}`);
    expect([body.data.added, body.data.badRows]).toEqual([
      410,
      {
        count: 2,
        first: [
          { line: 802, reason: 'has 1 field instead of 2' },
          { line: 803, reason: expect.stringContaining('quote') },
        ],
      },
    ]);
  });

  it('what is no CSV is refused, saying what it is', async () => {
    const id = await newConversation();
    const { status, body } = await upload(id, 'PK\u0003\u0004 [Content_Types].xml');
    expect([status, body.error.code, body.error.message]).toEqual([422, 'not_csv', expect.stringContaining('an Excel workbook (.xlsx)')]);
    expect((await upload(id, '<a/>', '', 'application/xml')).body.error).toMatchObject({
      code: 'unsupported_media_type',
      message: expect.stringContaining('text/csv'),
    });
  });

  it('413 for what is longer than the limit, announced or not; the answer arrives', async () => {
    const id = await newConversation();
    const long = `id,text\n${rows(8_000)}`;
    const announced = await upload(id, long);
    const streamed = await fetch(`${api.url}/api/conversations/${id}/responses?idColumn=id`, {
      method: 'POST',
      headers: { authorization: `Bearer ${alice.jwt}`, 'content-type': 'text/csv' },
      body: new Blob([long]).stream(),
      duplex: 'half',
    });
    const { error }: Reply['body'] = await streamed.json();
    expect([announced.status, announced.body.error.details]).toEqual([413, { uploadLimitBytes: LIMIT }]);
    expect([streamed.status, error.code, error.details.stored.added]).toEqual([413, 'body_too_large', (await storedCount(id)) as number]);
    expect(error.details.stored.added).toBeGreaterThan(1_000);
  });

  it('the answer also reaches who reads nothing before all is sent', async () => {
    const id = await newConversation();
    const body = `id,text\n${rows(8_000)}${'x'.repeat(16 * 1024 * 1024)}`;
    const head = `POST /api/conversations/${id}/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-type: text/csv\r\ntransfer-encoding: chunked\r\n\r\n`;
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1').pause();
    socket.write(`${head}${body.length.toString(16)}\r\n`);
    await new Promise<void>((resolve, reject) => socket.write(`${body}\r\n0\r\n\r\n`, (error) => (error ? reject(error) : resolve())));
    const reply = await new Promise<Buffer>((resolve) => socket.once('data', resolve).resume());
    expect(reply.toString()).toMatch(/^HTTP\/1\.1 413 .*body_too_large/s);
    socket.destroy();
  });

  it('asks who it is before a byte of the body is read', async () => {
    const id = await newConversation();
    const { port } = new URL(api.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`POST /api/conversations/${id}/responses HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\ncontent-length: 1000000\r\n\r\n`);
    const [head] = await new Promise<string[]>((resolve) => socket.once('data', (data) => resolve(data.toString().split('\r\n'))));
    expect(head).toContain('401');
    socket.destroy();
  });

  it('a cut upload leaves what was stored; repeated with idColumn, nothing is stored twice', async () => {
    const id = await newConversation();
    const options = { method: 'POST', headers: { authorization: `Bearer ${alice.jwt}`, 'content-type': 'text/csv', 'transfer-encoding': 'chunked' } };
    const cut = httpRequest(`${api.url}/api/conversations/${id}/responses?idColumn=id`, options);
    cut.on('error', () => undefined);
    cut.write(`id,text\n${rows(4_000)}`);
    await eventually(async () => expect(await storedCount(id)).toBeGreaterThan(1_000));
    cut.destroy();
    const kept = await storedCount(id);
    const { body } = await upload(id, `id,text\n${rows(5_000)}`, '?idColumn=id');
    expect(body.data.added + body.data.skipped).toBe(5_000);
    expect(body.data.skipped).toBeGreaterThanOrEqual(kept);
    expect(await storedCount(id)).toBe(5_000);
  });

  it('a file may take longer to arrive than other bodies', async () => {
    const impatient = await startApi({ options: { bodyTimeoutMs: 2_000 } });
    const { id } = await api.db.conversations.create({ userId: null, title: 'Slow' });
    // The other body is given up: only then the file goes on.
    const other = slowly(
      `${impatient.url}/api/conversations`,
      'application/json',
      ['{ "title": "nev', 'er finished" }'],
      new Promise(() => undefined),
    );
    const file = slowly(`${impatient.url}/api/conversations/${id}/responses`, 'text/csv', ['id,text\n1,a b\n2,', 'c d\n'], other);
    expect([await other, await file]).toEqual([expect.stringMatching(/^408 /), expect.stringMatching(/^200 .*"added":2/)]);
    await impatient.stop();
  });

  it('an outage of the database on the way: 503, saying what was stored', async () => {
    const id = await newConversation();
    const outage = eventually(async () => expect(await storedCount(id)).toBeGreaterThan(1_000)).then(() => {
      api.db.breakWith(new UnavailableError('The database is away'));
    });
    const url = `${api.url}/api/conversations/${id}/responses`;
    const reply = await slowly(url, 'text/csv', [`id,text\n${rows(3_000)}`, rows(2_000, 3_000)], outage);
    api.db.breakWith(undefined);
    const stored = Number(/^503 .*"stored":\{"rows":\d+,"added":(\d+)/.exec(reply)?.[1]);
    expect([stored, await storedCount(id)]).toEqual([stored, stored]);
  });

  async function storedCount(id: string): Promise<number> {
    return (await api.db.conversations.counts(id)).total;
  }
});

/** Sends the second half of a body when `goOn` says so; resolves to status and body of the answer. */
function slowly(url: string, type: string, [first, second]: [string, string], goOn: Promise<unknown>): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': type, 'content-length': Buffer.byteLength(first + second) };
    const request = httpRequest(
      url,
      { method: 'POST', headers },
      (reply) => void readText(reply).then((body) => resolve(`${reply.statusCode} ${body}`)),
    );
    request.on('error', reject);
    request.write(first);
    void goOn.then(() => request.end(second));
  });
}

describe('answers as a form', () => {
  const send = async (id: string, form: FormData, query = '') => {
    const reply = await fetch(`${api.url}/api/conversations/${id}/responses${query}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${alice.jwt}` },
      body: form,
    });
    const body: Reply['body'] = await reply.json();
    return { status: reply.status, body };
  };
  const formOf = (...parts: [string, string | Blob][]) => {
    const form = new FormData();
    for (const [name, value] of parts) form.append(name, value);
    return form;
  };
  const file = (text: string) => new File([text], 'answers.csv', { type: 'text/csv' });

  it('one file, and the same settings as fields before it', async () => {
    const id = await newConversation();
    const { status, body } = await send(
      id,
      formOf(['column', 'reply'], ['idColumn', 'id'], ['file', file(`id,reply,other\n${'1,a b,long words that look more like answers\n'}`)]),
    );
    expect([status, body.data.added, body.data.column, await storedTexts(api, id)]).toEqual([200, 1, 'reply', ['a b']]);
  });

  it('400 for forms that say nothing, too much, or too late', async () => {
    const id = await newConversation();
    const csv = file('id,text\n1,a b\n');
    const replies = [
      await send(id, formOf(['column', 'text'])),
      await send(id, formOf(['colum', 'text'], ['file', csv])),
      await send(id, formOf(['file', csv], ['column', 'text'])),
      await send(id, formOf(['file', csv], ['file2', csv])),
    ];
    expect(replies.map(({ status, body }) => [status, body.error.message])).toEqual([
      [400, expect.stringContaining('no file')],
      [400, expect.stringContaining('colum')],
      [400, expect.stringContaining('"column" stands behind the file')],
      [400, expect.stringContaining('one file')],
    ]);
    const broken = await api.call('POST', `/api/conversations/${id}/responses`, {
      jwt: alice.jwt,
      text: 'x',
      headers: { 'content-type': 'multipart/form-data' },
    });
    expect([broken.status, broken.body.error.code]).toEqual([400, 'invalid_input']);
  });

  it('a file longer than the limit is refused', async () => {
    const id = await newConversation();
    const { status, body } = await send(id, formOf(['file', file(`id,text\n${rows(8_000)}`)]));
    expect([status, body.error.code, body.error.details.stored.added > 1_000]).toEqual([413, 'body_too_large', true]);
  });

  it('of somebody else’s conversation nothing is read', async () => {
    const { status } = await send(randomUUID(), formOf(['file', file('id,text\n1,a b\n')]));
    expect(status).toBe(404);
  });
});
