import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NotFoundError, UnavailableError } from '../../lib/errors.ts';
import type { FileStorage } from '../../lib/storage/contract.ts';
import type { TestUser } from '../support/users.ts';
import { foreignAnswers, openDeal } from './deal-world.ts';
import { type Api, type CallOptions, eventually, KEY, type Reply, startApi } from './world.ts';

const LIMIT = 256 * 1024;
const { signal } = new AbortController();

/** The storage of the API, which fails on command. */
let broken: Partial<FileStorage> = {};
let api: Api;
let alice: TestUser;
let eve: TestUser;
let deal: string;
beforeAll(async () => {
  api = await startApi({ options: { documentLimitBytes: LIMIT } });
  const { storage } = api.deps;
  Object.assign(api.deps.storage, sabotaged({ ...storage }));
  [alice, eve] = await Promise.all([api.db.signUp(), api.db.signUp()]);
  deal = await openDeal(api, { jwt: alice.jwt });
});
afterAll(() => api.stop());

function sabotaged(storage: FileStorage): FileStorage {
  return {
    put: (...args) => (broken.put ?? storage.put)(...args),
    get: (...args) => (broken.get ?? storage.get)(...args),
    remove: (...args) => (broken.remove ?? storage.remove)(...args),
  };
}

/** Names of all files that are stored, or half stored. */
const storedFiles = (): string[] =>
  readdirSync(api.files, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

async function send(
  body: RequestInit['body'],
  { query = '', type = 'application/pdf', jwt = alice.jwt, headers = {} }: Sending = {},
): Promise<Reply> {
  const reply = await fetch(`${api.url}/api/documents${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${jwt}`, ...(type === null ? {} : { 'content-type': type }), ...headers },
    body: body ?? null,
    duplex: 'half',
  });
  return { status: reply.status, headers: reply.headers, body: await reply.json() };
}
interface Sending {
  query?: string;
  type?: string | null;
  jwt?: string;
  headers?: Record<string, string>;
}

const sendForm = (parts: [string, string | Blob][], options: Sending = {}) => {
  const form = new FormData();
  for (const [name, value] of parts) form.append(name, value);
  return send(form, { ...options, type: null });
};
const file = (bytes: string | Buffer, name = 'offer.pdf', type = 'application/pdf') => new File([bytes], name, { type });
const own = (options: CallOptions = {}) => ({ jwt: alice.jwt, ...options });

async function upload(text: string = randomUUID(), name = 'offer.pdf'): Promise<string> {
  const { status, body } = await send(text, { query: `?dealId=${deal}&name=${encodeURIComponent(name)}` });
  if (status !== 201) throw new Error(`not uploaded: ${JSON.stringify(body)}`);
  return body.data.document.id;
}

/** As a worker does it. */
async function record(document: string, operation: string, result: unknown, changes: unknown, dealId = deal): Promise<void> {
  const step = { subject: 'document' as const, key: document, operation };
  const run = { ...step, runId: randomUUID(), inputHash: 'hash' };
  const jobId = `document-${operation}-${randomUUID()}`;
  await api.db.dealSteps.begin({
    ...run,
    dealId,
    queue: 'document-processing',
    payload: { documentId: document, dealId },
    jobId,
    force: false,
  });
  if (!(await api.db.dealSteps.record({ ...run, result }, changes))) throw new Error(`${operation} was not recorded`);
}
const chunk = {
  text: 'The supplier may terminate upon a change of control.',
  kind: 'text',
  section: ['12 Term'],
  spans: [{ page: 3, start: 0 }],
  tokens: 11,
};
const reading = { pages: [{ page: 3, state: 'ocr', characters: 52, confidence: 0.9 }], warnings: ['Mislabelled as text'] };
const read = (document: string) => {
  const about = { format: 'pdf', title: 'Supply agreement', language: 'en', pages: 3, characters: 52, ocrPages: 1, readHash: 'r' };
  return record(document, 'ingest', { documentId: document }, { ...about, reading, chunks: [chunk], follow: { jobSuffix: randomUUID() } });
};
const riskOf = (key: string, severity = 'high', category = 'change_of_control') => ({
  key,
  severity,
  category,
  explanation: 'It may end',
  quote: chunk.text,
  page: 3,
  section: [],
});
const findRisks = (document: string, risks: unknown[]) =>
  record(document, 'extract_risks', { documentId: document }, { risks, model: 'local', promptVersion: '1' });

describe('POST /api/documents', () => {
  it('stores a file that comes as the body, and asks for its reading', async () => {
    const bytes = randomBytes(100_000);
    const query = `?dealId=${deal}&name=${encodeURIComponent('Share purchase agreement.pdf')}`;
    const { status, headers, body } = await send(bytes, { query, headers: { 'x-correlation-id': 'from-the-room' } });
    const { document, jobId, deduplicated } = body.data;
    expect([status, headers.get('location'), deduplicated]).toEqual([201, `/api/documents/${document.id}`, false]);
    expect(document).toMatchObject({
      dealId: deal,
      createdBy: alice.id,
      name: 'Share purchase agreement.pdf',
      mimeType: 'application/pdf',
      sizeBytes: 100_000,
      contentHash: createHash('sha256').update(bytes).digest('hex'),
      status: 'waiting',
      source: 'upload',
    });
    expect(document).not.toHaveProperty('storagePath');
    const job = await api.queue.getJob('document-processing', jobId);
    expect(job).toMatchObject({
      name: 'ingest',
      payload: { documentId: document.id, dealId: deal },
      correlationId: 'from-the-room',
      userId: alice.id,
    });
    const { storagePath } = (await api.db.documents.get(document.id)) ?? {};
    expect(storagePath).toMatch(new RegExp(`^deals/${deal}/${document.id}/[0-9a-f-]{36}$`));
    const parts: Uint8Array[] = [];
    for await (const part of await api.deps.storage.get(storagePath ?? '', { signal })) parts.push(part);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  });

  it('stores a file from a form, under its own name or the one in the form', async () => {
    const plain = await sendForm([
      ['dealId', deal],
      ['file', file(randomUUID(), 'bilan été.docx', 'application/vnd.x')],
    ]);
    const named = await sendForm([
      ['dealId', deal],
      ['name', 'Balance sheet.xlsx'],
      ['file', file(randomUUID())],
    ]);
    expect([plain, named].map(({ status, body }) => [status, body.data.document.name, body.data.document.mimeType])).toEqual([
      [201, 'bilan été.docx', 'application/vnd.x'],
      [201, 'Balance sheet.xlsx', 'application/pdf'],
    ]);
  });

  it.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\Temp\\a\u0000b\u202egnp.exe', 'abgnp.exe'],
    ['  spaced \n out .pdf ', 'spaced out .pdf'],
    [`${'x'.repeat(300)}.docx`, `${'x'.repeat(250)}.docx`],
    ['..', 'document'],
  ])('cleans the name %j', async (name, cleaned) => {
    const { body } = await send(randomUUID(), { query: `?dealId=${deal}&name=${encodeURIComponent(name)}` });
    expect(body.data.document.name).toBe(cleaned);
  });

  it('knows the same file of the same name: nothing is stored or read twice', async () => {
    const text = randomUUID();
    const id = await upload(text);
    const before = storedFiles().length;
    const again = await send(text, { query: `?dealId=${deal}&name=offer.pdf` });
    expect([again.status, again.body.data.document.id, again.body.data.deduplicated]).toEqual([200, id, true]);
    // Its reading is still under way.
    expect(again.body.data.jobId).toContain(`document-ingest-${id}`);
    expect(storedFiles()).toHaveLength(before);
    await read(id);
    await expect(send(text, { query: `?dealId=${deal}&name=offer.pdf` })).resolves.toMatchObject({ status: 200, body: { data: { jobId: null } } });
    expect(await upload(text, 'another name.pdf')).not.toBe(id);
  });

  it('reads a known file again where its reading had failed', async () => {
    const text = randomUUID();
    const id = await upload(text);
    const [step] = await api.db.dealSteps.list('document', id);
    const jobId = step?.jobId ?? '';
    await api.queue.cancelJob('document-processing', jobId);
    await api.db.dealSteps.end({ subject: 'document', key: id, operation: 'ingest', jobId, status: 'failed', error: 'It is locked' });
    const { status, body } = await send(text, { query: `?dealId=${deal}&name=offer.pdf` });
    expect([status, body.data.document.status, body.data.deduplicated]).toEqual([200, 'waiting', true]);
    expect(body.data.jobId).not.toBe(jobId);
  });

  it('works for a service, on behalf of a member or of nobody', async () => {
    const replies = [
      await send(randomUUID(), { query: `?dealId=${deal}`, jwt: KEY, headers: { 'x-user-id': alice.id } }),
      await send(randomUUID(), { query: `?dealId=${deal}`, jwt: KEY }),
    ];
    expect(replies.map(({ status, body }) => [status, body.data.document.createdBy, body.data.document.name])).toEqual([
      [201, alice.id, 'document'],
      [201, null, 'document'],
    ]);
  });

  it('413 for what is longer than the limit, announced or not; nothing of it stays', async () => {
    const before = storedFiles().length;
    const bytes = randomBytes(LIMIT + 1);
    const replies = [
      await send(bytes, { query: `?dealId=${deal}` }),
      await send(new Blob([bytes]).stream(), { query: `?dealId=${deal}` }),
      await sendForm([
        ['dealId', deal],
        ['file', file(bytes)],
      ]),
    ];
    expect(replies.map(({ status, body }) => [status, body.error.code, body.error.details])).toEqual(
      replies.map(() => [413, 'body_too_large', { uploadLimitBytes: LIMIT }]),
    );
    expect(storedFiles()).toHaveLength(before);
    await expect(send(randomBytes(LIMIT), { query: `?dealId=${deal}` })).resolves.toMatchObject({ status: 201 });
  });

  it('400 for what is empty, or says too little, too much or too late; nothing of it stays', async () => {
    const before = storedFiles().length;
    const replies = [
      await send('', { query: `?dealId=${deal}` }),
      await send(new Blob([]).stream(), { query: `?dealId=${deal}` }),
      await sendForm([
        ['dealId', deal],
        ['file', file('')],
      ]),
      await send('x'),
      await send('x', { query: '?dealId=deal-id-123' }),
      await sendForm([['file', file('x')]]),
      await sendForm([['dealId', deal]]),
      await sendForm([
        ['dealId', deal],
        ['colour', 'red'],
        ['file', file('x')],
      ]),
      await sendForm([
        ['dealId', deal],
        ['file', file('x')],
        ['name', 'late.pdf'],
      ]),
    ];
    expect(replies.map(({ status, body }) => [status, body.error.message])).toEqual([
      [400, 'The file is empty.'],
      [400, 'The file is empty.'],
      [400, 'The file is empty.'],
      [400, expect.stringContaining('query.dealId')],
      [400, expect.stringContaining('uuid of a deal')],
      [400, expect.stringContaining('before the file')],
      [400, expect.stringContaining('no file')],
      [400, expect.stringContaining('colour')],
      [400, expect.stringContaining('"name" stands behind the file')],
    ]);
    const json = await api.call('POST', '/api/documents', own({ json: { dealId: deal } }));
    expect([json.status, json.body.error.code]).toEqual([415, 'unsupported_media_type']);
    expect(storedFiles()).toHaveLength(before);
  });

  it('an upload that is cut leaves nothing behind', async () => {
    const before = storedFiles().length;
    const headers = { authorization: `Bearer ${alice.jwt}`, 'content-type': 'application/pdf', 'transfer-encoding': 'chunked' };
    const cut = httpRequest(`${api.url}/api/documents?dealId=${deal}`, { method: 'POST', headers });
    cut.on('error', () => undefined);
    cut.write(randomBytes(100_000));
    await eventually(() => expect(storedFiles()).toHaveLength(before + 1));
    cut.destroy();
    await eventually(() => expect(storedFiles()).toHaveLength(before));
    const { body } = await api.call('GET', `/api/documents?dealId=${deal}&limit=100`, own());
    expect(body.data.documents.filter(({ sizeBytes }: { sizeBytes: number }) => sizeBytes === 100_000).length).toBeLessThan(2);
  });

  it('keeps the file of a document that the database was asked to store twice, the first answer being lost', async () => {
    const { create } = api.db.documents;
    api.db.documents.create = async (...args) => {
      await create(...args);
      return create(...args);
    };
    const { status, body } = await send('asked twice', { query: `?dealId=${deal}` });
    api.db.documents.create = create;
    expect([status, body.data.deduplicated, body.data.jobId]).toEqual([201, false, expect.stringContaining(body.data.document.id)]);
    const file = await fetch(`${api.url}/api/documents/${body.data.document.id}/file`, { headers: { authorization: `Bearer ${alice.jwt}` } });
    expect(await file.text()).toBe('asked twice');
  });

  it('a storage that fails is told, and no document made; one that may be stored keeps its file', async () => {
    const failing = async () => {
      throw new UnavailableError('The file storage did not go on', { code: 'storage_timeout' });
    };
    broken = { put: failing };
    const away = await send('x', { query: `?dealId=${deal}` });
    broken = {};
    expect([away.status, away.body.error.code]).toEqual([503, 'storage_timeout']);
    const before = storedFiles().length;
    const { create } = api.db.documents;
    const failures = [new UnavailableError('The answer was lost'), new NotFoundError('Deal', deal)];
    const left = [];
    for (const failure of failures) {
      api.db.documents.create = async () => {
        throw failure;
      };
      left.push([(await send('x', { query: `?dealId=${deal}` })).status, storedFiles().length - before]);
    }
    api.db.documents.create = create;
    expect(left).toEqual([
      [503, 1],
      [404, 1],
    ]);
  });
});

describe('reading documents', () => {
  it('lists a deal’s documents, newest first, page by page, by status and workstream', async () => {
    const room = await openDeal(api, own());
    const made: string[] = [];
    for (let count = 0; count < 3; count += 1) made.unshift((await send(randomUUID(), { query: `?dealId=${room}` })).body.data.document.id);
    await api.db.table('documents').update({ workstream: 'tax' }).eq('id', made[1]);
    const ids = async (query: string) => (await api.call('GET', `/api/documents?dealId=${room}${query}`, own())).body.data;
    const first = await ids('&limit=2');
    const second = await ids(`&limit=2&cursor=${first.nextCursor}`);
    expect([...first.documents, ...second.documents].map(({ id }: { id: string }) => id)).toEqual(made);
    expect(second.nextCursor).toBeNull();
    expect((await ids('&workstream=tax')).documents.map(({ id }: { id: string }) => id)).toEqual([made[1]]);
    expect((await ids('&status=ready')).documents).toEqual([]);
    expect((await api.call('GET', `/api/documents?dealId=${room}&status=done`, own())).status).toBe(400);
    expect((await api.call('GET', `/api/documents?cursor=nonsense`, own())).status).toBe(400);
  });

  it('without a deal lists what the caller sees; a service that acts for a user has to name one', async () => {
    const newcomer = await api.db.signUp();
    const room = await openDeal(api, { jwt: newcomer.jwt });
    const { body } = await send('hello', { query: `?dealId=${room}`, jwt: newcomer.jwt });
    for (const path of ['/api/documents', '/api/emails', '/api/risks']) {
      const acting = await api.call('GET', path, { headers: { 'x-user-id': newcomer.id } });
      expect([path, acting.status, acting.body.error.details.issues[0].path]).toEqual([path, 400, 'query.dealId']);
    }
    const listed = await api.call('GET', '/api/documents', { jwt: newcomer.jwt });
    expect(listed.body.data.documents.map(({ id }: { id: string }) => id)).toEqual([body.data.document.id]);
  });

  it('shows how far its steps are, what was read, and how many risks there are', async () => {
    const id = await upload();
    await read(id);
    await findRisks(id, [riskOf('a'), riskOf('b', 'critical'), riskOf('c')]);
    const { document } = (await api.call('GET', `/api/documents/${id}`, own())).body.data;
    expect(document).toMatchObject({
      status: 'processing',
      format: 'pdf',
      title: 'Supply agreement',
      pages: 3,
      ocrPages: 1,
      readPages: reading.pages,
      warnings: reading.warnings,
      risks: { total: 3, bySeverity: { low: 0, medium: 0, high: 2, critical: 1 } },
    });
    const steps = Object.fromEntries(document.steps.map(({ operation, status }: Record<string, string>) => [operation, status]));
    expect(steps).toEqual({ ingest: 'succeeded', extract_risks: 'succeeded', summarize: 'queued', classify: 'queued' });
  });

  it('shows the text in its order, with page and section', async () => {
    const id = await upload();
    const path = `/api/documents/${id}/text`;
    expect((await api.call('GET', path, own())).body.data).toEqual({ documentId: id, status: 'waiting', readPages: null, chunks: [] });
    await read(id);
    const { body } = await api.call('GET', path, own());
    expect(body.data).toMatchObject({ status: 'processing', readPages: reading.pages, chunks: [{ ...chunk, page: 3 }] });
  });

  it('lists risks of a document and of a deal, by severity and category, with their passages', async () => {
    const room = await openDeal(api, own());
    const { id } = (await send(randomUUID(), { query: `?dealId=${room}` })).body.data.document;
    await record(id, 'extract_risks', {}, { risks: [riskOf('a'), riskOf('b', 'low', 'liability')], model: 'local', promptVersion: '1' }, room);
    for (const path of [`/api/documents/${id}/risks`, `/api/deals/${room}/risks`, '/api/risks']) {
      const of = path === '/api/risks' ? `&dealId=${room}` : '';
      const categories = async (query: string) =>
        (await api.call('GET', `${path}?limit=1${of}${query}`, own())).body.data.risks.map(({ category }: { category: string }) => category);
      expect([await categories('&severity=low'), await categories('&category=change_of_control')]).toEqual([['liability'], ['change_of_control']]);
      const first = (await api.call('GET', `${path}?limit=1${of}`, own())).body.data;
      const second = (await api.call('GET', `${path}?limit=1${of}&cursor=${first.nextCursor}`, own())).body.data;
      expect([...first.risks, ...second.risks]).toHaveLength(2);
      expect(first.risks[0]).toMatchObject({ quote: chunk.text, page: 3, explanation: 'It may end', documentId: id, dealId: room });
    }
  });

  it('gives the file back as a download that no browser shows', async () => {
    const bytes = randomBytes(200_000);
    const { body } = await send(bytes, {
      query: `?dealId=${deal}&name=${encodeURIComponent('Übersicht "1".html')}`,
      type: 'text/html; charset=utf-8',
    });
    const reply = await fetch(`${api.url}/api/documents/${body.data.document.id}/file`, { headers: { authorization: `Bearer ${alice.jwt}` } });
    expect(Buffer.from(await reply.arrayBuffer()).equals(bytes)).toBe(true);
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      'content-type': 'text/html',
      'content-length': '200000',
      'content-disposition': `attachment; filename="Ubersicht 1.html"; filename*=UTF-8''%C3%9Cbersicht%201.html`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
    });
  });

  it('a download that breaks off is not taken for whole', async () => {
    const id = await upload(`${randomUUID()}${'x'.repeat(50_000)}`);
    broken = {
      get: async () =>
        (async function* () {
          yield Buffer.from('xxxx');
          throw new UnavailableError('cut', { code: 'storage_cut' });
        })(),
    };
    const reading = fetch(`${api.url}/api/documents/${id}/file`, { headers: { authorization: `Bearer ${alice.jwt}` } }).then((reply) => reply.text());
    await expect(reading).rejects.toThrow();
    broken = {};
  });

  it('says when the file is gone', async () => {
    const id = await upload();
    await api.deps.storage.remove([(await api.db.documents.get(id))?.storagePath ?? ''], { signal });
    expect(await api.call('GET', `/api/documents/${id}/file`, own())).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
  });
});

describe('POST /api/documents/:id/process', () => {
  const process = async (id: string, json?: unknown) => api.call('POST', `/api/documents/${id}/process`, own(json === undefined ? {} : { json }));

  it('asks for the reading, or for what is named, each job once while it is unfinished', async () => {
    const id = await upload();
    const again = await process(id);
    expect([again.status, again.body]).toEqual([
      202,
      {
        success: true,
        message: 'Processing started',
        data: { documentId: id, jobs: [{ operation: 'ingest', jobId: expect.stringContaining(`document-ingest-${id}`), deduplicated: true }] },
      },
    ]);
    const several = await process(id, { operations: ['summarize', 'classify', 'summarize'], force: true });
    expect(several.body.data.jobs.map(({ operation, deduplicated }: Record<string, unknown>) => [operation, deduplicated])).toEqual([
      ['summarize', false],
      ['classify', false],
    ]);
    const job = await api.queue.getJob('document-processing', several.body.data.jobs[0].jobId);
    expect(job).toMatchObject({ name: 'summarize', payload: { documentId: id, dealId: deal }, userId: alice.id });
  });

  it('takes the body of the old route, and checks it', async () => {
    const id = await upload();
    const replies = [
      await process(id, { documentId: id, dealId: deal }),
      await process(id, { documentId: randomUUID(), dealId: deal }),
      await process(id, { documentId: id, dealId: randomUUID() }),
      await process(id, { operation: 'translate' }),
    ];
    expect(replies.map(({ status, body }) => [status, body.message ?? body.error.details.issues[0].path])).toEqual([
      [202, 'Processing started'],
      [400, 'body.documentId'],
      [400, 'body.dealId'],
      [400, 'body.operation'],
    ]);
  });
});

describe('DELETE /api/documents/:id', () => {
  it('removes file, text and risks', async () => {
    const id = await upload();
    await read(id);
    await findRisks(id, [riskOf('a')]);
    const before = storedFiles().length;
    expect(await api.call('DELETE', `/api/documents/${id}`, own())).toMatchObject({ status: 200, body: { data: { documentId: id } } });
    expect(storedFiles()).toHaveLength(before - 1);
    expect((await api.call('GET', `/api/documents/${id}`, own())).status).toBe(404);
    expect((await api.call('DELETE', `/api/documents/${id}`, own())).status).toBe(404);
    for (const table of ['document_chunks', 'document_risks']) {
      expect((await api.db.table(table).select('id').eq('document_id', id)).data).toEqual([]);
    }
  });

  it('keeps the document while its file cannot be removed', async () => {
    const id = await upload();
    broken = {
      remove: async () => {
        throw new UnavailableError('The file storage is away', { code: 'storage_unreachable' });
      },
    };
    expect((await api.call('DELETE', `/api/documents/${id}`, own())).status).toBe(503);
    broken = {};
    expect((await api.call('DELETE', `/api/documents/${id}`, own())).status).toBe(200);
  });
});

describe('somebody else’s document', () => {
  it('answers like one that does not exist, also by the routes of jobs', async () => {
    const id = await upload();
    const room = await openDeal(api, { jwt: eve.jwt });
    const job = (dealId: string) => ({ name: 'summarize', payload: { documentId: id, dealId } });
    const calls = [
      ['GET', `/api/documents/${id}`],
      ['GET', `/api/documents/${id}/text`],
      ['GET', `/api/documents/${id}/file`],
      ['GET', `/api/documents/${id}/risks`],
      ['POST', `/api/documents/${id}/process`, {}],
      ['DELETE', `/api/documents/${id}`],
      ['POST', '/api/queue/document-processing/jobs', job(deal)],
      ['POST', '/api/queue/document-processing/jobs', job(room)],
    ] as const;
    const expected = calls.flatMap(([method, path]) => [`${method} ${path}`, `${method} ${path}`]).map((call) => [call, 404, 'not_found']);
    expect(await foreignAnswers(api, eve, calls)).toEqual(expected);
    const before = storedFiles().length;
    expect([await send('x', { query: `?dealId=${deal}`, jwt: eve.jwt }), await send('x', { query: `?dealId=${randomUUID()}` })]).toMatchObject([
      { status: 404 },
      { status: 404 },
    ]);
    expect(storedFiles()).toHaveLength(before);
    expect((await api.call('POST', '/api/queue/document-processing/jobs', own({ json: job(deal) }))).status).toBe(201);
  });

  it('has a job that only its own user sees', async () => {
    const { body } = await send(randomUUID(), { query: `?dealId=${deal}` });
    const path = `/api/queue/document-processing/jobs/${body.data.jobId}`;
    const calls = [
      ['GET', path],
      ['POST', `${path}/retry`],
      ['DELETE', path],
    ] as const;
    expect(new Set((await foreignAnswers(api, eve, calls)).map(([, status]) => status))).toEqual(new Set([404]));
    expect((await api.call('GET', path, own())).body.data.job).toMatchObject({ name: 'ingest', state: 'waiting' });
  });
});
