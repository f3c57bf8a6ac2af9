import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Deal, DealDocument } from '../../lib/db/deal-types.ts';
import { NotFoundError } from '../../lib/errors.ts';
import { classResult, type DocumentOperation, risksResult, summaryResult } from '../../lib/jobs/document-processing.ts';
import { outcomeOfResult } from '../../lib/queue/outcome.ts';
import type { JobContext } from '../../lib/queue/processor.ts';
import processors from '../../workers/document-processing.ts';
import { awaitedBy, begin, fail, newChunk, newDeal, newDocument, newReading, readDocument, statesOf } from '../db/deal-samples.ts';
import { insightContext } from '../documents/insight-support.ts';
import { type LlmRequest, type LlmServer, startLlm } from '../support/llm.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from '../support/pglite.ts';

type Operation = Exclude<DocumentOperation, 'ingest'>;
const OPERATIONS = ['summarize', 'extract_risks', 'classify'] as const satisfies readonly Operation[];
const CLAUSE = 'The Buyer may terminate this Agreement if the Seller undergoes a change of control.';
const ANSWERS: Record<string, unknown> = {
  summary: 'An agreement between a seller and a buyer.',
  keyPoints: [{ point: 'It can be ended.', page: 2 }],
  risks: [{ category: 'termination', severity: 'medium', explanation: 'The buyer can end it.', quote: CLAUSE }],
  workstream: 'legal',
  documentType: 'share purchase agreement',
  confidence: 0.8,
};

let embedded: EmbeddedTestDb;
let llm: LlmServer;
let deal: Deal;
beforeAll(async () => {
  [embedded, llm] = await Promise.all([startEmbeddedDb(), startLlm()]);
  deal = await embedded.db.deals.create(newDeal(), null);
});
beforeEach(() => {
  llm.reset();
  llm.answerWith(({ schema }: LlmRequest) => {
    const { properties } = { properties: {}, ...schema };
    return Object.fromEntries(Object.keys(properties ?? {}).map((name) => [name, ANSWERS[name]]));
  });
});
afterAll(async () => {
  await llm?.stop();
  await embedded?.stop();
});

const reading = () =>
  newReading({ chunks: [newChunk('The Seller sells all of its shares to the Buyer.'), { ...newChunk(CLAUSE), spans: [{ page: 2, start: 0 }] }] });
const read = () => readDocument(embedded.db, deal, reading());
const unread = async (changes: Parameters<typeof newDocument>[1] = {}) => (await embedded.db.documents.create(newDocument(deal, changes))).document;
const stored = async ({ id }: DealDocument) => (await embedded.db.documents.get(id)) ?? Promise.reject(new Error('the document is gone'));

function contextOf(operation: Operation, options: { force?: boolean; local?: boolean; jobId?: string } = {}) {
  const { force = false, local = false, jobId = randomUUID() } = options;
  const { context } = insightContext({ ...(local ? {} : { llm }), force, jobId });
  // The three steps need the database alone.
  const deps = { db: embedded.db } as JobContext<Parameters<(typeof processors)['summarize']['begin']>[1]['deps']>['deps'];
  return { ...context, job: { ...context.job, name: operation }, runId: randomUUID(), deps };
}

/** As the runner calls it. */
async function attempt(operation: Operation, { id, dealId }: Pick<DealDocument, 'id' | 'dealId'>, options: Parameters<typeof contextOf>[1] = {}) {
  const payload = { documentId: id, dealId };
  const context = contextOf(operation, options);
  const processor = processors[operation];
  const begun = await processor.begin(payload, context);
  if (begun.state === 'finished') return { state: begun.state, result: begun.result as unknown };
  // Each of the three has a result of its own; they are told apart by the test.
  const run = processor.run as (payload: object, row: unknown, context: object) => Promise<unknown>;
  const record = processor.record as (payload: object, result: unknown, context: object) => Promise<boolean>;
  const outcome = outcomeOfResult(await run(payload, begun.row, context));
  if (outcome.kind !== 'done') return { state: outcome.kind, outcome };
  return { state: begun.state, result: outcome.result, recorded: await record(payload, outcome.result, context) };
}

describe('what is made of a document that has been read', () => {
  it('is stored with the document, which is ready then', async () => {
    const document = await read();
    const done = await Promise.all(OPERATIONS.map((operation) => attempt(operation, document)));
    expect(done.map(({ recorded }) => recorded)).toEqual([true, true, true]);
    expect([summaryResult, risksResult, classResult].map((schema, index) => schema.safeParse(done[index]?.result).error)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(await stored(document)).toMatchObject({
      status: 'ready',
      summary: ANSWERS.summary,
      keyPoints: ANSWERS.keyPoints,
      workstream: 'legal',
      documentType: 'share purchase agreement',
      classConfidence: 0.8,
    });
    const { items } = await embedded.db.documents.risks({ limit: 10, documentId: document.id });
    expect(items.map(({ category, quote, page, section }) => ({ category, quote, page, section }))).toEqual(
      expect.arrayContaining([
        { category: 'termination', quote: CLAUSE, page: 2, section: ['1. Terms'] },
        { category: 'change_of_control', quote: CLAUSE, page: 2, section: ['1. Terms'] },
      ]),
    );
    expect(items).toHaveLength(2);
  });

  it.each(OPERATIONS)('is answered from what is stored when nothing has changed: %s', async (operation) => {
    const document = await read();
    const first = await attempt(operation, document);
    const asked = llm.requests().length;
    expect(await attempt(operation, document)).toEqual({ state: 'finished', result: first.result });
    expect(llm.requests()).toHaveLength(asked);
    expect(await attempt(operation, document, { force: true })).toMatchObject({ state: 'run', recorded: true });
    expect(llm.requests().length).toBeGreaterThan(asked);
  });

  it.each(OPERATIONS)('is made without a model too: %s', async (operation) => {
    const { result, recorded } = await attempt(operation, await read(), { local: true });
    expect({ result, recorded }).toMatchObject({ recorded: true, result: { provider: 'local', model: 'local' } });
    expect(llm.requests()).toEqual([]);
  });
});

describe('a document that has not been read', () => {
  it('is asked to be, and waited for', async () => {
    const document = await unread();
    expect(await attempt('summarize', document)).toEqual({ state: 'snooze', outcome: { kind: 'snooze', ms: 5_000 } });
    expect(await stored(document)).toMatchObject({ status: 'waiting' });
    const { jobId } = await awaitedBy(embedded.db, document, 'ingest');
    // Another look does not ask again.
    await attempt('summarize', document);
    expect((await awaitedBy(embedded.db, document, 'ingest')).jobId).toBe(jobId);
    expect(await statesOf(embedded.db, document)).toEqual({ ingest: 'queued', summarize: 'processing' });
  });

  it('is waited for also while a newer content of it is read', async () => {
    const document = await read();
    await embedded.db.documents.ask(document.id, ['ingest']);
    expect(await attempt('classify', document)).toMatchObject({ state: 'snooze' });
    expect(llm.requests()).toEqual([]);
  });

  it('fails with the reason when it cannot be read', async () => {
    const document = await unread();
    await embedded.db.documents.ask(document.id, ['ingest']);
    const work = await awaitedBy(embedded.db, document, 'ingest');
    await begin(embedded.db, work);
    await fail(embedded.db, work, 'The file is locked with a password');
    await expect(attempt('extract_risks', document)).rejects.toMatchObject({
      code: 'document_not_read',
      retryable: false,
      message: 'The document could not be read: The file is locked with a password',
    });
  });

  it.each([
    ['of another deal', async () => ({ ...(await read()), dealId: (await embedded.db.deals.create(newDeal(), null)).id })],
    ['that there is not', async () => ({ id: randomUUID(), dealId: deal.id })],
  ])('fails at once for a document %s', async (_, missing) => {
    const attempted = attempt('classify', await missing());
    await expect(attempted).rejects.toThrow(NotFoundError);
    await expect(attempted).rejects.toMatchObject({ details: { what: 'Document' } });
  });
});
