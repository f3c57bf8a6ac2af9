import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deal, DealStep } from '../../lib/db/deal-types.ts';
import type { Db } from '../../lib/db/types.ts';
import {
  awaitedBy,
  begin,
  fail,
  newChunk,
  newDeal,
  newDocument,
  newReading,
  options,
  perform,
  readDocument,
  record,
  statesOf,
  stepOf,
} from './deal-samples.ts';
import { type World, worlds } from './worlds.ts';

describe.each(worlds)('documents of a deal room on %s', (_, start) => {
  let world: World;
  let db: Db;
  let deal: Deal;
  let service: SupabaseClient;
  beforeAll(async () => {
    world = await start();
    ({ db } = world);
    deal = await db.deals.create(newDeal(), null);
    service = createClient(world.url, world.serviceKey, { ...(world.fetch ? { global: { fetch: world.fetch } } : {}) });
  });
  afterAll(() => world.stop());

  const stored = async (changes = {}) => (await db.documents.create(newDocument(deal, changes), {})).document;
  const kindsOf = async (subject: { id: string }) =>
    ((await service.from('deal_events').select('kind,data').eq('subject_id', subject.id).order('id')).data ?? []).map(({ kind }) => kind);
  const waiting = async (document: { id: string }) => {
    const { data } = await service
      .from('job_outbox')
      .select('name,job_id,options,payload')
      .is('ended', null)
      .like('job_id', `%${document.id}%`)
      .order('id');
    return data ?? [];
  };

  describe('a step', () => {
    it('is held by the run that took it last: a late one changes nothing, and the same record again answers true', async () => {
      const document = await stored();
      const first = stepOf(document, 'summarize');
      const second = { ...first, runId: randomUUID() };
      expect(await begin(db, first)).toEqual({ state: 'run' });
      expect(await begin(db, second)).toEqual({ state: 'run' });
      expect(await record(db, first, { summary: 'late', keyPoints: [] })).toBe(false);
      expect(await record(db, second, { summary: 'Short.', keyPoints: [{ point: 'p', page: 2 }] })).toBe(true);
      expect(await record(db, second, { summary: 'again', keyPoints: [] })).toBe(true);
      expect(await fail(db, first)).toBe(false);
      expect(await db.documents.get(document.id)).toMatchObject({ summary: 'Short.', keyPoints: [{ point: 'p', page: 2 }] });
      expect(await db.dealSteps.list('document', document.id.toUpperCase())).toMatchObject([
        { operation: 'ingest' },
        { status: 'succeeded', jobId: first.jobId },
      ]);
    });

    it('is answered from its result while its input is the same, and for its own job always, but not where another is forced', async () => {
      const document = await stored();
      const work = stepOf(document, 'classify');
      await begin(db, work);
      await record(db, work, { workstream: 'legal', documentType: 'agreement', confidence: 0.75 }, { result: { stored: true } });
      const finished = { state: 'finished', result: { stored: true } };
      expect(await begin(db, stepOf(document, 'classify'))).toEqual(finished);
      const forced = stepOf(document, 'classify');
      expect(await begin(db, forced, { force: true })).toEqual({ state: 'run' });
      // An unforced one that comes meanwhile does not take it away.
      expect(await begin(db, stepOf(document, 'classify'))).toEqual(finished);
      expect(await record(db, forced, {}, { result: { stored: 'again' } })).toBe(true);
      // Redelivered: its worker died before the queue was told.
      expect(await begin(db, { ...forced, runId: 'r2' }, { force: true })).toEqual({ state: 'finished', result: { stored: 'again' } });
      expect(await begin(db, stepOf(document, 'classify'), { hash: 'other' })).toEqual({ state: 'run' });
    });

    it('is not taken for what is not there: no deal, another deal, no document, a key that is none', async () => {
      const document = await stored();
      const other = await db.deals.create(newDeal(), null);
      const missing = { state: 'missing' };
      expect(await begin(db, stepOf({ ...document, dealId: randomUUID() }, 'ingest'))).toEqual(missing);
      expect(await begin(db, stepOf({ ...document, dealId: other.id }, 'ingest'))).toEqual(missing);
      expect(await begin(db, stepOf({ id: randomUUID(), dealId: deal.id }, 'ingest'))).toEqual(missing);
      expect(await begin(db, stepOf({ id: 'no uuid', dealId: deal.id }, 'ingest'))).toEqual(missing);
      expect(await begin(db, stepOf({ id: document.id, dealId: deal.id }, 'detect_blocker'))).toEqual(missing);
      expect(await db.dealSteps.list('document', 'no uuid')).toEqual([]);
      expect(await fail(db, stepOf({ id: randomUUID(), dealId: deal.id }, 'ingest'))).toBe(false);
    });

    it('ends by the run that holds it, by its job before one does, and never after its result', async () => {
      const document = await stored();
      const work = await awaitedBy(db, document, 'ingest');
      const stranger = { ...work, jobId: 'another', runId: 'another' };
      expect(await fail(db, stranger)).toBe(false);
      expect(await db.dealSteps.end({ ...work, runId: undefined, status: 'failed', error: 'stalled out' })).toBe(true);
      expect(await db.documents.get(document.id)).toMatchObject({ status: 'failed', statusReason: 'stalled out' });
      await begin(db, work);
      expect(await fail(db, stranger)).toBe(false);
      expect(await db.dealSteps.end({ ...work, status: 'queued', error: 'The model is away', code: 'away' })).toBe(true);
      expect(await db.documents.get(document.id)).toMatchObject({ status: 'waiting', statusReason: 'The model is away' });
      expect(await db.dealSteps.list('document', document.id)).toMatchObject([{ status: 'queued', error: 'The model is away', errorCode: 'away' }]);
      await begin(db, work);
      await record(db, work, newReading());
      expect(await fail(db, work)).toBe(false);
      expect(await db.documents.get(document.id)).toMatchObject({ status: 'processing', statusReason: null });
    });

    it('whose job can never be sent fails, found by its job', async () => {
      const document = await stored();
      const [asked] = await db.dealSteps.list('document', document.id);
      expect(await db.dealSteps.refuse('email-processing', asked?.jobId ?? '', 'no such kind')).toBe(false);
      expect(await db.dealSteps.refuse('document-processing', asked?.jobId ?? '', 'no such kind')).toBe(true);
      expect(await db.documents.get(document.id)).toMatchObject({ status: 'failed', statusReason: 'no such kind' });
      expect(await kindsOf(document)).toEqual(['document_added', 'document_unreadable']);
    });

    it('is unfinished when nobody has touched it and no outbox has it, and is asked for anew with what it was asked with', async () => {
      const { document } = await db.documents.create(newDocument(deal), options);
      const place = { before: new Date(Date.now() + 60_000).toISOString(), limit: 500 };
      const mine = async () => (await db.dealSteps.unfinished(place)).filter(({ key }) => key === document.id);
      expect(await mine()).toEqual([]);
      await service.from('job_outbox').update({ ended: 'sent' }).eq('job_id', `document-ingest-${document.id}-one`);
      const [step] = await mine();
      expect(step).toMatchObject({
        subject: 'document',
        operation: 'ingest',
        queue: 'document-processing',
        jobId: `document-ingest-${document.id}-one`,
      });
      expect(await db.dealSteps.unfinished({ ...place, before: '2026-01-01T00:00:00Z' })).toEqual([]);
      expect((await db.dealSteps.unfinished({ ...place, after: step?.place ?? '' })).map(({ place }) => place)).not.toContain(step?.place);
      expect(await db.dealSteps.resend([{ ...stepOf(document, 'ingest'), jobId: 'another' }])).toBe(0);
      expect(step && (await db.dealSteps.resend([step]))).toBe(1);
      expect(await mine()).toEqual([]);
      const { jobSuffix: _suffix, ...kept } = options;
      expect(await waiting(document)).toMatchObject([{ name: 'ingest', options: kept, payload: { documentId: document.id, dealId: deal.id } }]);
    });
  });

  describe('the state of a document', () => {
    type State = DealStep['status'];
    const rest = (summarize: State, extract_risks: State, classify: State) => ({ ingest: 'succeeded' as const, summarize, extract_risks, classify });
    it.each([
      ['stored', {}, null],
      ['waiting', { ingest: 'queued' }, null],
      ['reading', { ingest: 'processing' }, null],
      ['failed', { ingest: 'failed' }, 'why'],
      ['cancelled', { ingest: 'cancelled' }, 'why'],
      ['processing', rest('queued', 'queued', 'queued'), null],
      ['processing', rest('succeeded', 'processing', 'failed'), null],
      ['processing', rest('failed', 'cancelled', 'queued'), null],
      ['ready', rest('succeeded', 'succeeded', 'succeeded'), null],
      ['ready', { ingest: 'succeeded' }, null],
      ['partial', rest('succeeded', 'failed', 'succeeded'), 'extract_risks failed: why'],
      ['partial', rest('failed', 'succeeded', 'cancelled'), 'classify cancelled: why; summarize failed: why'],
      ['partial', rest('failed', 'failed', 'failed'), 'classify failed: why; extract_risks failed: why; summarize failed: why'],
      // Read anew while the results of the old text stand, or go on.
      ['waiting', { ...rest('succeeded', 'failed', 'processing'), ingest: 'queued' }, null],
      ['failed', { ...rest('processing', 'queued', 'queued'), ingest: 'failed' }, 'why'],
    ] as [string, Record<string, State>, string | null][])('is %s with %o', async (status, steps, reason) => {
      const { document } = await db.documents.create(newDocument(deal));
      for (const [operation, state] of Object.entries(steps)) {
        const ended = state === 'failed' || state === 'cancelled';
        const { subject, key, queue } = stepOf(document, operation);
        await service.from('deal_steps').insert({ subject, key, operation, queue, deal_id: deal.id, status: state, error: ended ? 'why' : null });
      }
      expect(await db.documents.get(document.id)).toMatchObject({ status, statusReason: reason });
    });
  });

  describe('a reading', () => {
    it('stores the text in its order and asks for all that comes next, at once', async () => {
      const { document, asked } = await db.documents.create(newDocument(deal), options);
      expect(asked).toEqual({ outboxId: expect.any(Number), jobId: `document-ingest-${document.id}-one` });
      const chunks = Array.from({ length: 1_203 }, (_unused, index) => newChunk(`part ${index} \u0000 of “it”`));
      await perform(db, document, 'ingest', newReading({ readHash: 'r-1', chunks, follow: { jobSuffix: 'two', correlationId: 'c-1' } }));
      expect((await db.documents.chunks(document.id)).map(({ text }) => text)).toEqual(chunks.map((_unused, index) => `part ${index}  of “it”`));
      expect((await db.documents.chunks(document.id))[0]).toEqual({ ...newChunk('part 0  of “it”') });
      expect(await db.documents.get(document.id)).toMatchObject({ format: 'pdf', language: 'en', pages: 2, readHash: 'r-1', status: 'processing' });
      expect((await waiting(document)).slice(1)).toMatchObject(
        ['summarize', 'extract_risks', 'classify'].map((name) => ({
          name,
          job_id: `document-${name}-${document.id}-two`,
          options: { correlationId: 'c-1' },
          payload: { documentId: document.id, dealId: deal.id },
        })),
      );
      await perform(db, document, 'ingest', newReading());
      expect(await db.documents.chunks(document.id)).toHaveLength(2);
    });

    it('that cannot be stored asks for nothing', async () => {
      const document = await stored();
      const work = stepOf(document, 'ingest');
      await begin(db, work);
      await expect(record(db, work, newReading({ chunks: [{ ...newChunk('x'), tokens: 'many' }] }))).rejects.toMatchObject({ code: 'invalid_input' });
      expect(await statesOf(db, document)).toEqual({ ingest: 'processing' });
      expect(await db.documents.get(document.id)).toMatchObject({ readHash: null });
    });

    it('is copied from another document of the same content, while that is still what was read', async () => {
      const original = await readDocument(db, deal, newReading({ readHash: 'same' }));
      const document = await stored({ contentHash: original.contentHash ?? '', name: 'Copy.pdf' });
      expect(await db.documents.findReading(original.contentHash ?? '', 'same', document.id)).toMatchObject({ id: original.id });
      expect(await db.documents.findReading(original.contentHash ?? '', 'newer reader', document.id)).toBeUndefined();
      expect(await db.documents.findReading(original.contentHash ?? '', 'same', original.id)).toBeUndefined();
      const copy = newReading({ readHash: 'same', chunks: undefined, copyFrom: original.id });
      await perform(db, document, 'ingest', copy);
      expect(await db.documents.chunks(document.id)).toEqual(await db.documents.chunks(original.id));

      const late = await stored({ name: 'Late.pdf' });
      const work = stepOf(late, 'ingest');
      await begin(db, work);
      await perform(db, original, 'ingest', newReading({ readHash: 'changed' }));
      await expect(record(db, work, { ...copy, copyFrom: original.id })).rejects.toMatchObject({ retryable: true });
      await db.documents.remove(original.id);
      await expect(record(db, work, { ...copy, copyFrom: original.id })).rejects.toMatchObject({ retryable: true });
      expect(await statesOf(db, late)).toEqual({ ingest: 'processing' });
    });

    it('of content that is not the document’s any more is not stored: the next attempt reads the new one', async () => {
      const source = { source: 'drive', sourceRef: randomUUID() };
      const document = await stored({ ...source, contentHash: 'old' });
      const work = stepOf(document, 'ingest');
      await begin(db, work);
      await db.documents.create(newDocument(deal, { ...source, contentHash: 'new' }), {});
      await expect(record(db, work, newReading({ contentHash: 'old' }))).rejects.toMatchObject({ retryable: true });
      expect(await record(db, work, newReading({ contentHash: 'new', readHash: 'second' }))).toBe(true);
      const summary = stepOf(document, 'summarize');
      await begin(db, summary);
      await expect(record(db, summary, { summary: 'Old.', readHash: 'first' })).rejects.toMatchObject({ retryable: true });
      expect(await record(db, summary, { summary: 'New.', readHash: 'second' })).toBe(true);
    });
  });

  describe('risks', () => {
    const found = (key: string, changes = {}) => ({
      key,
      category: 'liability',
      severity: 'high',
      explanation: 'Unlimited',
      quote: 'without limit',
      page: 2,
      section: ['7'],
      ...changes,
    });

    it('that are found again keep their age, new ones are told of, and what is not found any more goes', async () => {
      const document = await readDocument(db, deal);
      const origin = { model: 'm', promptVersion: '1' };
      await perform(db, document, 'extract_risks', { ...origin, risks: [found('a'), found('b'), found('b', { severity: 'low' })] });
      const of = async (changes = {}) => (await db.documents.risks({ limit: 9, documentId: document.id, ...changes })).items;
      const before = await of();
      expect(before).toHaveLength(2);
      expect(before[0]).toMatchObject({
        dealId: deal.id,
        category: 'liability',
        severity: 'high',
        quote: 'without limit',
        page: 2,
        section: ['7'],
        model: 'm',
      });
      await perform(db, document, 'extract_risks', { ...origin, risks: [found('b', { severity: 'critical' }), found('c')] });
      const after = await of();
      expect(after).toHaveLength(2);
      expect(after.find(({ severity }) => severity === 'critical')).toMatchObject({ id: expect.toBeOneOf(before.map(({ id }) => id)) });
      expect(await of({ severity: 'critical' })).toHaveLength(1);
      expect(await of({ category: 'tax' })).toEqual([]);
      expect(await of({ documentId: 'none' })).toEqual([]);
      expect(await kindsOf(document)).toEqual(['document_added', 'risk_found', 'risk_found', 'risk_found']);
      await perform(db, document, 'extract_risks', { ...origin, risks: [] });
      expect(await of()).toEqual([]);
    });
  });

  describe('a document', () => {
    it('that comes again is known, by name and content, and read again only where reading had failed', async () => {
      const upload = newDocument(deal, { name: 'Lease.pdf' });
      const first = await db.documents.create(upload, {});
      expect(first).toMatchObject({ outcome: 'created', replacedPath: null, document: { status: 'waiting', version: 1 } });
      const again = await db.documents.create({ ...upload, storagePath: 'elsewhere' }, {});
      expect(again).toMatchObject({ outcome: 'known', asked: undefined, document: { id: first.document.id, storagePath: upload.storagePath } });
      const work = stepOf(first.document, 'ingest', { jobId: first.asked?.jobId ?? '' });
      await begin(db, work);
      await fail(db, work, 'The file is encrypted');
      expect(await db.documents.create(upload, { jobSuffix: 'after' })).toMatchObject({
        outcome: 'known',
        asked: { jobId: `document-ingest-${first.document.id}-after` },
        document: { id: first.document.id, status: 'waiting', statusReason: null },
      });
      expect((await db.documents.create({ ...upload, name: 'Other.pdf' }, {})).outcome).toBe('created');
      expect((await db.documents.create({ ...upload, contentHash: 'other' }, {})).outcome).toBe('created');
      const elsewhere = await db.deals.create(newDeal(), null);
      expect((await db.documents.create({ ...upload, dealId: elsewhere.id }, {})).outcome).toBe('created');
    });

    it('of a source keeps its id when its content or name changes', async () => {
      const synced = newDocument(deal, { source: 'drive', sourceRef: 'file-1', name: 'Budget.xlsx' });
      const { document } = await db.documents.create(synced, {});
      expect(await db.documents.create({ ...synced, name: 'Renamed.xlsx' }, {})).toMatchObject({
        outcome: 'known',
        document: { id: document.id, name: 'Renamed.xlsx' },
      });
      const changed = await db.documents.create({ ...synced, contentHash: 'new', storagePath: 'new' }, {});
      expect(changed).toMatchObject({
        outcome: 'changed',
        replacedPath: synced.storagePath,
        document: { id: document.id, version: 2, storagePath: 'new' },
      });
      expect(changed.asked?.jobId).toContain(document.id);
      expect(await kindsOf(document)).toEqual(['document_added', 'document_changed']);
      expect((await db.documents.create({ ...synced, sourceRef: 'file-2' }, {})).outcome).toBe('created');
    });

    it('whose creation is repeated after a lost answer is answered as before', async () => {
      const once = newDocument(deal, { id: randomUUID(), name: 'Once.pdf' });
      const first = await db.documents.create(once, options);
      expect(await db.documents.create(once, options)).toEqual(first);
      expect(await kindsOf(first.document)).toEqual(['document_added']);
      expect(await waiting(first.document)).toHaveLength(1);
    });

    it('without a deal is not stored', async () => {
      const nowhere = newDocument({ id: randomUUID() });
      await expect(db.documents.create(nowhere, {})).rejects.toMatchObject({ code: 'not_found', message: expect.stringContaining('Deal') });
      await expect(db.documents.create({ ...nowhere, dealId: 'none' })).rejects.toMatchObject({ code: 'invalid_input' });
    });

    it('is asked to be worked on again, once for each suffix, and a run that is under way goes on', async () => {
      const document = await readDocument(db, deal);
      const asked = await db.documents.ask(document.id, ['classify', 'summarize'], { ...options, jobSuffix: 'again' });
      expect(Object.keys(asked ?? {}).toSorted()).toEqual(['classify', 'summarize']);
      expect(await db.documents.ask(document.id, ['classify', 'summarize'], { ...options, jobSuffix: 'again' })).toEqual(asked);
      const work = stepOf(document, 'classify', { jobId: asked?.classify?.jobId ?? '' });
      await begin(db, work);
      await db.documents.ask(document.id, ['classify'], {});
      expect(await statesOf(db, document)).toMatchObject({ classify: 'processing', summarize: 'queued' });
      expect(await record(db, work, { workstream: 'tax', documentType: 'ruling', confidence: 0.5 })).toBe(true);
      expect(await db.documents.get(document.id)).toMatchObject({ workstream: 'tax', documentType: 'ruling', classConfidence: 0.5 });
      expect(await db.documents.ask(randomUUID(), ['ingest'])).toBeUndefined();
      expect(await db.documents.ask('none', ['ingest'])).toBeUndefined();
    });

    it('is gone with its text, risks, steps and waiting jobs when it is removed', async () => {
      const document = await readDocument(db, deal);
      const running = await awaitedBy(db, document, 'summarize');
      await begin(db, running);
      expect(await waiting(document)).toHaveLength(4);
      expect(await db.documents.remove(document.id)).toEqual({ dealId: deal.id, storagePath: document.storagePath });
      expect(await db.documents.remove(document.id)).toBeUndefined();
      expect(await db.documents.get(document.id)).toBeUndefined();
      expect(await db.documents.chunks(document.id)).toEqual([]);
      expect(await db.dealSteps.list('document', document.id)).toEqual([]);
      expect(await waiting(document)).toEqual([]);
      expect(await record(db, running, { summary: 'late', keyPoints: [] })).toBe(false);
      expect(await fail(db, running)).toBe(false);
      expect(await kindsOf(document)).toEqual(['document_added', 'document_removed']);
    });

    it('is listed newest first, by deal, state and workstream', async () => {
      const own = await db.deals.create(newDeal(), null);
      const documents = [];
      for (const name of ['a', 'b', 'c']) documents.push((await db.documents.create(newDocument(own, { name }))).document);
      await perform(db, { id: documents[1]?.id ?? '', dealId: own.id }, 'classify', { workstream: 'legal', documentType: 'x', confidence: 1 });
      const names = async (changes: Partial<Parameters<Db['documents']['list']>[0]>) => {
        const { items, nextCursor } = await db.documents.list({ limit: 2, dealId: own.id, ...changes });
        return { names: items.map(({ name }) => name), nextCursor };
      };
      const first = await names({});
      expect(first.names).toEqual(['c', 'b']);
      expect(await names({ cursor: first.nextCursor ?? '' })).toEqual({ names: ['a'], nextCursor: null });
      expect(await names({ workstream: 'legal' })).toEqual({ names: ['b'], nextCursor: null });
      expect(await names({ status: 'stored' })).toEqual({ names: ['c', 'a'], nextCursor: null });
      expect(await names({ dealId: 'none' })).toEqual({ names: [], nextCursor: null });
    });
  });
});
