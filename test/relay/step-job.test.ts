/** What one attempt at a step of the deal room leaves in its row, whatever comes in between. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Deal, DealDocument } from '../../lib/db/deal-types.ts';
import type { Db } from '../../lib/db/types.ts';
import { NotFoundError, PermanentError } from '../../lib/errors.ts';
import { type Snooze, snooze } from '../../lib/queue/outcome.ts';
import type { JobContext } from '../../lib/queue/processor.ts';
import { type StepDeps, stepJob } from '../../lib/relay/step-job.ts';
import { newDeal, newDocument } from '../db/deal-samples.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from '../support/pglite.ts';

interface Payload {
  documentId: string;
  dealId: string;
}
interface Result {
  workstream: string;
  run: number;
}

let server: EmbeddedTestDb;
let db: Db;
let deal: Deal;
beforeAll(async () => {
  server = await startEmbeddedDb();
  ({ db } = server);
  deal = await db.deals.create(newDeal(), null);
});
afterAll(() => server.stop());

/** What the next attempt finds and does. */
let found: { hash: string } | Error;
let outcome: Error | Snooze | undefined;
let runs: number;
let document: DealDocument;
let payload: Payload;
beforeEach(async () => {
  [found, outcome, runs] = [{ hash: 'as it was' }, undefined, 0];
  ({ document } = await db.documents.create(newDocument(deal)));
  payload = { documentId: document.id, dealId: deal.id };
});

const processor = stepJob<Payload, string, Result, StepDeps>({
  subject: 'document',
  operation: 'classify',
  key: ({ documentId }) => documentId,
  load: async () => {
    if (found instanceof Error) throw found;
    return { input: 'the text', ...found };
  },
  run: async () => {
    if (outcome instanceof Error) throw outcome;
    if (outcome) return outcome;
    runs += 1;
    return { result: { workstream: 'legal', run: runs }, changes: { workstream: 'legal', documentType: `${runs}`, confidence: 1 } };
  },
});

/** An attempt at job `id`. Nothing but what a processor uses. */
const attemptAt = (id: string, { force = false } = {}) =>
  ({
    job: { queue: 'document-processing', name: 'classify', id, attempt: 1, maxAttempts: 4 },
    meta: { correlationId: 'c-1', ...(force ? { force } : {}) },
    runId: randomUUID(),
    deps: { db },
  }) as unknown as JobContext<StepDeps>;

/** As the runner calls it, until its worker dies before BullMQ is told. */
async function attempt(context: JobContext<StepDeps>): Promise<{ state: 'finished' | 'recorded' | 'lost'; result: Result }> {
  const begun = await processor.begin(payload, context);
  if (begun.state === 'finished') return { state: 'finished', result: begun.result };
  const result = await processor.run(payload, begun.row, context);
  return { state: (await processor.record(payload, result, context)) ? 'recorded' : 'lost', result };
}

const ending = ({ job, runId }: JobContext<StepDeps>, error = 'went wrong') => ({ error, runId, job: { id: job.id, run: 1 } });
const failing = (context: JobContext<StepDeps>) => processor.end(payload, { ...ending(context), outcome: 'failed' }, { db });
const step = async () => (await db.dealSteps.list('document', document.id))[0];
const status = async () => (await step())?.status;

describe('a job of a step', () => {
  it('takes its row, and stores its result with what follows from it', async () => {
    const context = attemptAt('one');
    const begun = await processor.begin(payload, context);
    expect(begun).toMatchObject({ state: 'run', row: { input: 'the text' } });
    expect(await step()).toMatchObject({ status: 'processing', jobId: 'one', dealId: deal.id });
    expect(await attempt(attemptAt('one'))).toEqual({ state: 'recorded', result: { workstream: 'legal', run: 1 } });
    expect(await status()).toBe('succeeded');
    expect(await db.documents.get(document.id)).toMatchObject({ workstream: 'legal', documentType: '1' });
  });

  it.each([
    ['of an unchanged input is answered from what is stored', {}, 'as it was', { state: 'finished', result: { workstream: 'legal', run: 1 } }],
    ['of another input runs', {}, 'changed', { state: 'recorded', result: { workstream: 'legal', run: 2 } }],
    ['that is forced runs', { force: true }, 'as it was', { state: 'recorded', result: { workstream: 'legal', run: 2 } }],
  ])('%s', async (_, options, hash, expected) => {
    await attempt(attemptAt('one'));
    found = { hash };
    expect(await attempt(attemptAt('two', options))).toEqual(expected);
    expect(await step()).toMatchObject({ status: 'succeeded', jobId: 'two' });
  });

  it('whose worker died after it had stored its result runs no second time, forced or not', async () => {
    const first = attemptAt('one', { force: true });
    await attempt(first);
    expect(await attempt(attemptAt('one', { force: true }))).toEqual({ state: 'finished', result: { workstream: 'legal', run: 1 } });
    expect(runs).toBe(1);
    // The dead one comes back to life.
    expect(await failing(first)).toBe(false);
    expect(await status()).toBe('succeeded');
  });

  it('that lost its step to another run changes nothing, whichever way it ends', async () => {
    const [late, current] = [attemptAt('one'), attemptAt('one')];
    const begun = await processor.begin(payload, late);
    if (begun.state !== 'run') throw new Error('It has not run before');
    const result = await processor.run(payload, begun.row, late);
    await processor.begin(payload, current);
    expect(await processor.record(payload, result, late)).toBe(false);
    expect(await failing(late)).toBe(false);
    await processor.putOff?.(payload, ending(late), { db });
    expect(await status()).toBe('processing');
    expect(await failing(current)).toBe(true);
    expect(await step()).toMatchObject({ status: 'failed', error: 'went wrong' });
    // Told again: its dead letter may be missing.
    expect(await failing(current)).toBe(true);
  });

  it('that is put off waits with its error, and a snooze stores nothing', async () => {
    const context = attemptAt('one');
    outcome = snooze(1_000);
    const begun = await processor.begin(payload, context);
    if (begun.state !== 'run') throw new Error('It has not run before');
    const put = await processor.run(payload, begun.row, context);
    expect(put).toBe(outcome);
    await expect(processor.record(payload, put, context)).rejects.toMatchObject({ code: 'lock_lost' });
    await processor.putOff?.(payload, ending(context, 'Put off'), { db });
    expect(await step()).toMatchObject({ status: 'queued', error: 'Put off' });
    outcome = undefined;
    expect(await attempt(attemptAt('one'))).toMatchObject({ state: 'recorded' });
    expect(await step()).toMatchObject({ status: 'succeeded', error: null });
  });

  it('that fails before it takes its step fails it all the same, also one that a dead run holds', async () => {
    const dead = attemptAt('one');
    await processor.begin(payload, dead);
    found = new PermanentError('The document has no file');
    const context = attemptAt('one');
    await expect(processor.begin(payload, context)).rejects.toBe(found);
    expect(await failing(context)).toBe(true);
    expect(await step()).toMatchObject({ status: 'failed', error: 'went wrong' });
    expect(await processor.record(payload, { workstream: 'tax', run: 9 }, dead).catch(() => false)).toBe(false);
    found = { hash: 'mended' };
    expect(await attempt(attemptAt('two'))).toMatchObject({ state: 'recorded' });
  });

  it('that is cancelled, before or while it runs, leaves its step cancelled', async () => {
    const asked = await db.documents.ask(document.id, ['classify'], { jobSuffix: 'waiting' });
    const waiting = { id: asked?.classify?.jobId ?? '', run: 1 };
    expect(await processor.end(payload, { outcome: 'cancelled', error: 'By Ann', job: waiting }, { db })).toBe(true);
    expect(await step()).toMatchObject({ status: 'cancelled', error: 'By Ann' });
    const context = attemptAt('two');
    await processor.begin(payload, context);
    expect(await processor.end(payload, { outcome: 'cancelled', ...ending(context, 'By Bob') }, { db })).toBe(true);
    expect(await step()).toMatchObject({ status: 'cancelled', error: 'By Bob' });
    // A cancelled step is nothing to write a dead letter of.
    expect(await failing(context)).toBe(false);
  });

  it('of what does not exist leaves nothing behind but its dead letter', async () => {
    const context = attemptAt('one');
    payload = { documentId: randomUUID(), dealId: deal.id };
    await expect(processor.begin(payload, context)).rejects.toBeInstanceOf(NotFoundError);
    found = new NotFoundError('Document', payload.documentId);
    await expect(processor.begin(payload, context)).rejects.toBe(found);
    expect(await failing(context)).toBe(true);
    expect(await db.dealSteps.list('document', payload.documentId)).toEqual([]);
  });
});
