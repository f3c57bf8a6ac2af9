import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deal } from '../../lib/db/deal-types.ts';
import type { AppliedItem, DealSource } from '../../lib/db/source-types.ts';
import type { Db } from '../../lib/db/types.ts';
import { signUp, type TestUser } from '../support/users.ts';
import { newDeal, newEmail, newReading, perform } from './deal-samples.ts';
import { newConnection } from './mail-samples.ts';
import { addSource, file, listed, mail, newRoom, type Room, runOf, synced } from './source-samples.ts';
import { type World, worlds } from './worlds.ts';

const NOW = '2026-11-22T12:00:00.000Z';

describe.each(worlds)('sources on %s', (_, start) => {
  let world: World;
  let db: Db;
  let service: SupabaseClient;
  beforeAll(async () => {
    world = await start();
    ({ db } = world);
    service = createClient(world.url, world.serviceKey, { ...(world.fetch ? { global: { fetch: world.fetch } } : {}) });
  });
  afterAll(() => world.stop());

  const itemsOf = async ({ id }: Pick<DealSource, 'id'>, state?: 'deleted') =>
    (await db.dealSources.items({ sourceId: id, limit: 999, ...(state ? { state } : {}) })).items;
  const refsOf = async (source: DealSource) => (await itemsOf(source)).map(({ ref, state }) => `${ref} ${state}`);
  const itemOf = async (source: DealSource, ref: string) =>
    [...(await itemsOf(source)), ...(await itemsOf(source, 'deleted'))].find((item) => item.ref === ref);
  const documentsOf = async ({ id }: Deal) => (await db.documents.list({ dealId: id, limit: 999 })).items;
  const namesOf = async (deal: Deal) => (await documentsOf(deal)).map(({ name }) => name).toSorted();
  const mailsOf = async ({ id }: Deal) => (await db.emails.list({ dealId: id, limit: 999 })).items;
  const syncsOf = async ({ id }: DealSource) => (await db.dealSources.syncs({ sourceId: id, limit: 99 })).items;
  const stepsOf = async (subject: 'document' | 'email' | 'source', key: string) =>
    (await db.dealSteps.list(subject, key)).map(({ operation, status }) => `${operation} ${status}`);
  const rowsOf = async (table: string, where: Record<string, string>): Promise<Record<string, unknown>[]> =>
    (await service.from(table).select().match(where)).data ?? [];
  const outboxOf = async (source: DealSource) =>
    (await rowsOf('job_outbox', { queue: 'source-sync' })).filter(({ payload }) => JSON.stringify(payload).includes(source.id));
  const claim = () => db.outbox.claim({ kinds: [{ queue: 'source-sync', name: 'sync' }], limit: 999, leaseMs: 60_000 });
  const begun = async (source: DealSource, jobId?: string, syncType: 'full' | 'incremental' = 'incremental') => {
    const run = runOf(db, source, jobId);
    return { run, found: await run.begin(syncType) };
  };

  describe('a source', () => {
    it('is made with its first sync, once, and found by its deal, its account and its type', async () => {
      const deal = await db.deals.create(newDeal(), null);
      const connection = await db.connections.save(newConnection());
      const made = {
        id: randomUUID(),
        dealId: deal.id,
        sourceType: 'gdrive' as const,
        name: 'Room \u0000',
        settings: { folderId: 'f' },
        createdBy: null,
      };
      const created = await db.dealSources.create({ ...made, connectionId: connection.id }, { jobSuffix: 'one' });
      expect(created).toEqual({
        source: expect.objectContaining({ ...made, name: 'Room ', connectionId: connection.id, status: 'idle', paused: false, syncedAt: null }),
        asked: { outboxId: expect.any(Number), jobId: `source-sync-${made.id}-full-one` },
      });
      // Its answer was lost.
      expect(await db.dealSources.create({ ...made, connectionId: connection.id }, { jobSuffix: 'one' })).toEqual(created);
      const other = await addSource(db, deal, { sourceType: 'gmail' });
      expect(await db.dealSources.get(made.id)).toEqual(created.source);
      expect((await db.dealSources.list({ dealId: deal.id })).map(({ id }) => id)).toEqual([other.id, made.id]);
      expect((await db.dealSources.list({ dealId: deal.id, sourceType: 'gmail' })).map(({ id }) => id)).toEqual([other.id]);
      expect((await db.dealSources.list({ connectionId: connection.id })).map(({ id }) => id)).toEqual([made.id]);
      expect([await db.dealSources.get('none'), await db.dealSources.get(randomUUID())]).toEqual([undefined, undefined]);
      await expect(addSource(db, { id: randomUUID() })).rejects.toMatchObject({ code: 'not_found' });
      await expect(addSource(db, deal, { connectionId: randomUUID() })).rejects.toMatchObject({ code: 'invalid_input' });
    });

    it('stays without its account when that is disconnected', async () => {
      const { source } = await newRoom(db);
      await db.connections.remove(source.connectionId ?? '', { keepMessages: true });
      expect(await db.dealSources.get(source.id)).toMatchObject({ connectionId: null });
    });

    it('with other settings or another account is listed anew, and a run that is under way loses it', async () => {
      const { source } = await newRoom(db, { settings: { folderId: 'a' } });
      const { run } = await begun(source);
      await run.turn({ cursor: 'at 1' });
      expect(await db.dealSources.change(source.id, { settings: { folderId: 'a', pollMinutes: 5, deletes: 'keep' }, name: 'Other' })).toMatchObject({
        name: 'Other',
        status: 'syncing',
      });
      expect(await run.turn({ cursor: 'at 2' })).toBeDefined();
      expect(await db.dealSources.change(source.id, { settings: { folderId: 'b' } })).toMatchObject({ status: 'idle', settings: { folderId: 'b' } });
      expect([await run.plan(listed('a')), await run.apply(file('a')), await run.turn(), await run.restart(), await run.end()]).toEqual([
        undefined,
        undefined,
        undefined,
        false,
        undefined,
      ]);
      expect(await syncsOf(source)).toMatchObject([{ status: 'cancelled', error: 'The source was changed' }]);
      expect((await begun(source)).found).toMatchObject({ state: 'run', mode: 'full', cursor: null });
      const connection = await db.connections.save(newConnection());
      expect(await db.dealSources.change(source.id, { connectionId: connection.id })).toMatchObject({ connectionId: connection.id, status: 'idle' });
      expect(await db.dealSources.change(randomUUID(), { name: 'x' })).toBeUndefined();
    });

    it('that is paused stops where it is, is not synced, and goes on from there', async () => {
      const { source } = await newRoom(db);
      const { run } = await begun(source, 'job');
      await run.turn({ cursor: 'at 1' });
      expect(await db.dealSources.change(source.id, { paused: true })).toMatchObject({ paused: true, status: 'idle' });
      expect(await run.turn()).toBeUndefined();
      expect((await begun(source, 'job')).found).toEqual({ state: 'paused' });
      await db.dealSources.change(source.id, { paused: false });
      expect((await begun(source, 'job')).found).toMatchObject({ state: 'run', cursor: 'at 1' });
    });

    it.each([true, false])('is removed with its items; its documents and mails stay only if they are kept (%s)', async (keep) => {
      const { deal, source } = await newRoom(db);
      await synced(db, source, [file('a'), file('b'), mail('m')]);
      const asked = await db.dealSources.ask(source.id, 'incremental');
      const removed = await db.dealSources.remove(source.id, { keep });
      expect(removed?.paths.toSorted()).toEqual(keep ? [] : ['deals/x/a/v1', 'deals/x/b/v1']);
      expect([(await documentsOf(deal)).length, (await mailsOf(deal)).length]).toEqual(keep ? [2, 1] : [0, 0]);
      expect(await db.dealSources.get(source.id)).toBeUndefined();
      expect(await stepsOf('source', `${source.id}/incremental`)).toEqual([]);
      expect(await rowsOf('job_outbox', { job_id: asked?.jobId ?? '' })).toMatchObject([{ ended: 'void' }]);
      expect(await db.dealSources.remove(source.id, { keep })).toBeUndefined();
    });
  });

  describe('row-level security', () => {
    let ann: TestUser;
    let bob: TestUser;
    let room: Room;
    beforeAll(async () => {
      [ann, bob] = [await signUp(world), await signUp(world)];
      room = await newRoom(db, {}, ann.id);
      await synced(db, room.source, [file('a')]);
      await db.dealSources.setWatch(room.source.id, { id: randomUUID(), secretHash: 'h', resource: null, expiresAt: NOW });
      await service.from('source_notices').insert({ source_id: room.source.id, key: 'k' });
    });
    const browser = ({ jwt }: TestUser) =>
      createClient(world.url, world.publishableKey, { ...(world.fetch ? { global: { fetch: world.fetch } } : {}), accessToken: async () => jwt });

    it.each([
      ['deal_sources', 1],
      ['source_syncs', 1],
      ['source_items', 1],
      ['source_states', 0],
      ['source_notices', 0],
    ])('shows %s to members alone (%i), and lets nobody write', async (table, count) => {
      expect(((await browser(ann).from(table).select()).data ?? []).length).toBe(count);
      expect((await browser(bob).from(table).select()).data ?? []).toEqual([]);
      const [row] = await rowsOf(table, table === 'deal_sources' ? { id: room.source.id } : { source_id: room.source.id });
      expect(
        (
          await browser(ann)
            .from(table)
            .insert({ ...row, id: randomUUID(), ref: 'new', key: 'new' })
        ).error,
      ).not.toBeNull();
      await browser(ann).from(table).update({ created_at: '2020-01-01T00:00:00Z' }).eq('created_at', row?.created_at);
      await browser(ann).from(table).delete().eq('created_at', row?.created_at);
      expect(await rowsOf(table, table === 'deal_sources' ? { id: room.source.id } : { source_id: room.source.id })).toEqual([row]);
    });

    it('holds for the tables as a user has them, who executes none of what a sync does', async () => {
      const [anns, bobs] = [db.forUser(ann.jwt).dealSources, db.forUser(bob.jwt).dealSources];
      const { id } = room.source;
      expect([(await anns.get(id))?.id, (await anns.list({}))[0]?.id, await bobs.get(id), await bobs.list({})]).toEqual([id, id, undefined, []]);
      expect([(await anns.items({ sourceId: id, limit: 9 })).items.length, (await bobs.items({ sourceId: id, limit: 9 })).items.length]).toEqual([
        1, 0,
      ]);
      expect([(await anns.syncs({ sourceId: id, limit: 9 })).items.length, (await bobs.syncs({ sourceId: id, limit: 9 })).items.length]).toEqual([
        1, 0,
      ]);
      expect([await anns.counts(id), await bobs.counts(id)]).toEqual([{ stored: 1 }, {}]);
      const refused = { code: 'forbidden' };
      await expect(anns.ask(id, 'full')).rejects.toMatchObject(refused);
      await expect(anns.change(id, { name: 'x' })).rejects.toMatchObject(refused);
      await expect(anns.remove(id, { keep: false })).rejects.toMatchObject(refused);
      const run = { p_source: id, p_run: 'r' };
      for (const [name, args] of [
        ['begin_source_run', { p_run: JSON.stringify({ sourceId: id, runId: 'r', jobId: 'j', syncType: 'full' }) }],
        ['hivepulse_hold_source', run],
        ['restart_source_run', run],
        ['plan_source_items', { ...run, p_items: '[]' }],
        ['apply_source_items', { ...run, p_items: '[]' }],
        ['turn_source_page', { ...run, p_page: '{}' }],
        ['end_source_run', { ...run, p_ending: '{}' }],
        ['end_source_sync', { p_job: 'j', p_ending: '{}' }],
        ['hivepulse_drop_contents', { p_deal: room.deal.id, p_documents: [], p_emails: [] }],
        ['take_source_notices', { p_notices: '[]' }],
        ['poll_sources', { p_limit: 1 }],
      ] as const) {
        expect([name, (await browser(ann).rpc(name, args)).error?.code]).toEqual([name, '42501']);
      }
    });
  });

  describe('a run', () => {
    it('lists a source that is new, and follows its changes from then on', async () => {
      const { source } = await newRoom(db);
      const first = await begun(source, 'one');
      expect(first.found).toMatchObject({
        state: 'run',
        mode: 'full',
        cursor: null,
        source: { status: 'syncing' },
        sync: { syncType: 'incremental', mode: 'full', status: 'running', jobId: 'one', trigger: 'manual' },
      });
      await first.run.turn({ cursor: 'changes', complete: true, listed: 3 });
      expect(await first.run.end({ calls: 2 })).toMatchObject({ status: 'succeeded', mode: 'full', pages: 1, listed: 3, calls: 3 });
      // Its answer was lost.
      expect(await first.run.end()).toMatchObject({ status: 'succeeded' });
      expect(await db.dealSources.get(source.id)).toMatchObject({ status: 'idle', syncedAt: expect.any(String) });
      expect((await begun(source, 'one')).found).toMatchObject({ state: 'finished', sync: { jobId: 'one' } });
      expect((await begun(source, 'two')).found).toMatchObject({ state: 'run', mode: 'incremental', cursor: 'changes' });
      expect((await begun(source, 'three', 'full')).found).toMatchObject({ mode: 'full', cursor: null });
      expect((await begun({ ...source, id: randomUUID() })).found).toEqual({ state: 'missing' });
    });

    it('goes on with a listing that was cut off, whichever job it is of; another full one begins anew', async () => {
      const { source } = await newRoom(db);
      const { run } = await begun(source, 'full', 'full');
      await run.turn({ cursor: 'page 2' });
      expect((await begun(source, 'full', 'full')).found).toMatchObject({ mode: 'full', cursor: 'page 2' });
      expect(await run.turn()).toBeUndefined();
      const other = await begun(source, 'incremental');
      expect(other.found).toMatchObject({ mode: 'full', cursor: 'page 2', sync: { syncType: 'incremental', mode: 'full' } });
      expect(await syncsOf(source)).toMatchObject([{ status: 'running' }, { status: 'failed', errorCode: 'lost' }]);
      await other.run.turn({ cursor: 'changes', complete: true });
      // The changes that follow are those of its own listing.
      expect((await begun(source, 'full', 'full')).found).toMatchObject({ mode: 'incremental', cursor: 'changes', sync: { mode: 'full' } });
      expect((await begun(source, 'full 2', 'full')).found).toMatchObject({ mode: 'full', cursor: null });
    });

    it('whose cursor is lost lists anew', async () => {
      const { deal, source } = await newRoom(db);
      await synced(db, source, [file('a'), file('b')]);
      const { run } = await begun(source);
      await run.turn({ cursor: 'half', deletes: [{ ref: 'a' }] });
      expect(await run.restart()).toBe(true);
      expect(await run.plan(listed('a'))).toEqual({});
      expect(await run.turn({ cursor: 'anew', complete: true })).toMatchObject({ deleted: 1 });
      expect(await namesOf(deal)).toEqual(['a.pdf']);
      expect(await run.end()).toMatchObject({ mode: 'full', syncType: 'incremental', deleted: 1 });
    });

    it.each([
      ['failed', { error: 'Away', code: 'unavailable' }, 'failed'],
      ['failed', { error: 'Connect it', code: 'reauth_required' }, 'reauth'],
      ['failed', { error: 'Connect one', code: 'not_connected' }, 'reauth'],
      ['cancelled', { error: 'Enough' }, 'idle'],
      ['retrying', { error: 'Limited' }, 'syncing'],
    ] as const)('that ends %s (%o) leaves its source %s', async (status, ending, state) => {
      const { source } = await newRoom(db);
      const { run } = await begun(source);
      await run.end({ status, ...ending });
      expect(await db.dealSources.get(source.id)).toMatchObject({ status: state, statusReason: ending.error, syncedAt: null });
      const [sync] = await syncsOf(source);
      expect([sync?.status, sync?.error, sync?.finishedAt === null]).toEqual([status, ending.error, status === 'retrying']);
      expect(await run.turn()).toBeUndefined();
    });

    it('that ended without a word is ended by its job, unless another has taken its source', async () => {
      const { source } = await newRoom(db);
      await begun(source, 'dead');
      expect(await db.sourceRuns.endJob('dead', { status: 'failed', error: 'Stalled' })).toBe(1);
      expect(await db.dealSources.get(source.id)).toMatchObject({ status: 'failed', statusReason: 'Stalled' });
      expect(await db.sourceRuns.endJob('dead', { status: 'cancelled', error: 'x' })).toBe(0);
      const dead = await begun(source, 'dead 2');
      await dead.run.end({ status: 'retrying', error: 'Limited' });
      const { run } = await begun(source, 'alive');
      expect(await db.sourceRuns.endJob('dead 2', { status: 'failed', error: 'late' })).toBe(0);
      expect(await run.end()).toMatchObject({ status: 'succeeded' });
      expect(await db.dealSources.get(source.id)).toMatchObject({ status: 'idle' });
    });

    it('that fails is told once, for as long as the failure goes on', async () => {
      const { deal, source } = await newRoom(db);
      const events = () => rowsOf('deal_events', { deal_id: deal.id, kind: 'sync_failed' });
      const fail = async (error: string, job: string = randomUUID()) => (await begun(source, job)).run.end({ status: 'failed', error });
      await fail('Away', 'same');
      await fail('Away', 'same');
      await fail('Away');
      await begun(source, 'dies');
      await (await begun(source, 'cancelled')).run.end({ status: 'cancelled', error: 'x' });
      await fail('Away');
      expect(await events()).toMatchObject([{ data: { sourceType: 'gdrive', error: 'Away' } }]);
      await fail('Forbidden');
      expect(await events()).toHaveLength(2);
      await (await begun(source)).run.end();
      await fail('Forbidden');
      expect(await events()).toHaveLength(3);
    });
  });

  describe('a page', () => {
    it('names what is new, what is known by another name or place, and what is left out', async () => {
      const { source } = await newRoom(db);
      await synced(db, source, [file('same'), file('renamed'), file('moved'), file('changed'), mail('mail')]);
      const { run } = await begun(source);
      await run.apply({ ...listed('small', { skip: 'Too large' }), outcome: 'skipped' }, { ...listed('bad'), outcome: 'failed', reason: 'Damaged' });
      const names = await run.plan(
        listed('same', { path: null }),
        listed('renamed', { name: 'new.pdf' }),
        listed('moved', { place: 'other' }),
        listed('changed', { version: 'v2' }),
        listed('mail', { kind: 'email', name: '', place: 'inbox' }),
        listed('new'),
        listed('never', { skip: 'No file' }),
        listed('small', { skip: 'Too large' }),
        listed('bad'),
      );
      expect(names).toEqual({ renamed: 'meta', moved: 'meta', changed: 'content', new: 'content', never: 'skip', bad: 'content' });
      expect(await run.plan(listed('small', { skip: 'Not of a type' }))).toEqual({ small: 'skip' });
      expect(await run.plan(listed('small'))).toEqual({ small: 'content' });
    });

    it('is stored once, also when it comes twice, or its answer is lost', async () => {
      const { deal, source } = await newRoom(db, { createdBy: '00000000-0000-4000-8000-000000000001' });
      const { run } = await begun(source, 'job');
      await run.apply(file('a'), mail('m'));
      // It crashed before it turned the page.
      const next = await begun(source, 'job');
      expect(await next.run.plan(listed('a'), listed('m', { kind: 'email', name: '', place: 'inbox' }), listed('b'))).toEqual({ b: 'content' });
      const twice = { p_source: source.id, p_run: next.run.runId, p_items: JSON.stringify([file('b')]), p_call: 'one call' };
      for (let count = 0; count < 2; count += 1) await service.rpc('apply_source_items', twice);
      const turn = { p_source: source.id, p_run: next.run.runId, p_call: 'another' };
      const page = JSON.stringify({ cursor: 'c', complete: true, deletes: [], listed: 3, unchanged: 2, calls: 1 });
      for (let count = 0; count < 2; count += 1) await service.rpc('turn_source_page', { ...turn, p_page: page });
      expect(await next.run.end()).toMatchObject({ created: 3, unchanged: 2, pages: 1, listed: 3 });
      expect(await namesOf(deal)).toEqual(['a.pdf', 'b.pdf']);
      expect(await mailsOf(deal)).toMatchObject([{ source: 'gdrive', sourceRef: 'm', subject: 'About m' }]);
      const [document] = await documentsOf(deal);
      expect(document).toMatchObject({ source: 'gdrive', sourceRef: 'b', status: 'waiting', createdBy: '00000000-0000-4000-8000-000000000001' });
      expect(await stepsOf('document', document?.id ?? '')).toEqual(['ingest queued']);
      expect(await itemOf(source, 'm')).toMatchObject({ kind: 'email', name: '', state: 'stored', emailId: expect.any(String) });
      expect(await db.dealSources.counts(source.id)).toEqual({ stored: 3 });
    });

    it('with a new name renames the document, which is classified by it again', async () => {
      const { deal, source } = await newRoom(db);
      await synced(db, source, [file('a')]);
      const [document] = await documentsOf(deal);
      await perform(db, document ?? { id: '', dealId: '' }, 'ingest', newReading());
      for (const operation of ['classify', 'summarize', 'extract_risks'])
        await perform(db, document ?? { id: '', dealId: '' }, operation, { risks: [] });
      const { run } = await begun(source);
      const renamed = listed('a', { name: 'SPA signed.pdf', place: 'signed', path: 'Signed' });
      await run.apply({ ...renamed, outcome: 'meta' });
      expect(await run.plan(renamed)).toEqual({});
      expect(await run.end()).toMatchObject({ renamed: 1, created: 0, changed: 0 });
      expect(await documentsOf(deal)).toMatchObject([{ name: 'SPA signed.pdf', version: 1 }]);
      expect(await stepsOf('document', document?.id ?? '')).toEqual([
        'classify queued',
        'extract_risks succeeded',
        'ingest succeeded',
        'summarize succeeded',
      ]);
      expect(await itemOf(source, 'a')).toMatchObject({ name: 'SPA signed.pdf', path: 'Signed' });
    });

    it('with new content changes the document, and says which file can go; what goes back is read again', async () => {
      const { deal, source } = await newRoom(db);
      await synced(db, source, [file('a')]);
      const [{ id = '' } = {}] = await documentsOf(deal);
      const first = (await db.dealSteps.list('document', id))[0]?.jobId;
      const change = async (version: string, content: string) => {
        const { run } = await begun(source);
        const applied = await run.apply(file('a', { version, content }));
        const { changed, unchanged } = (await run.end()) ?? {};
        return { ...applied, changed, unchanged };
      };
      expect(await change('v2', 'new')).toEqual({ paths: ['deals/x/a/v1'], changed: 1, unchanged: 0 });
      expect(await change('v3', 'new')).toEqual({ paths: ['deals/x/a/v3'], changed: 0, unchanged: 1 });
      expect(await change('v1', 'a v1')).toMatchObject({ paths: ['deals/x/a/v2'], changed: 1 });
      expect(await documentsOf(deal)).toMatchObject([{ version: 3, contentHash: 'a v1', storagePath: 'deals/x/a/v1' }]);
      expect((await db.dealSteps.list('document', id))[0]?.jobId).not.toBe(first);
      // Files that a run did not come to remove are told to the next.
      expect((await begun(source)).found).toMatchObject({ paths: ['deals/x/a/v2'] });
    });

    it('with a mail that was edited changes it, and it is read again', async () => {
      const { deal, source } = await newRoom(db, { sourceType: 'outlook' });
      await synced(db, source, [mail('m')]);
      const [{ id = '' } = {}] = await mailsOf(deal);
      for (const operation of ['analyze_sentiment', 'detect_blocker'])
        await perform(db, { id, dealId: deal.id }, operation, {
          label: 'neutral',
          score: 0,
          urgency: 'low',
          threadId: 'thread',
          threadSize: 1,
          blocker: null,
        });
      const { run } = await begun(source);
      const edited = mail('m', { version: 'v2', email: { text: 'Here it is', subject: 'Sent' } });
      await run.apply(edited);
      expect(await run.end()).toMatchObject({ changed: 1 });
      expect(await mailsOf(deal)).toMatchObject([{ id, text: 'Here it is', subject: 'Sent' }]);
      expect(await stepsOf('email', id)).toEqual(['analyze_sentiment queued', 'detect_blocker queued']);
      const { run: again } = await begun(source);
      await again.apply({ ...edited, version: 'v3' });
      expect(await again.end()).toMatchObject({ changed: 0, unchanged: 1 });
    });

    it.each(['follow', 'keep'])('that leaves out what was stored lets it leave the deal (deletes: %s)', async (deletes) => {
      const { deal, source } = await newRoom(db, { settings: { deletes } });
      await synced(db, source, [file('a'), file('b'), mail('m')]);
      const { run } = await begun(source);
      // The second one could not be read lately.
      await run.apply({ ...listed('b', { version: 'v2' }), outcome: 'failed', reason: 'Damaged' });
      expect(await itemOf(source, 'b')).toMatchObject({ state: 'failed', reason: 'Damaged', documentId: expect.any(String) });
      const skip = 'Not of a type that is synced';
      const applied = await run.apply(
        { ...listed('a', { skip }), outcome: 'skipped' },
        { ...listed('b', { skip }), outcome: 'skipped' },
        { ...listed('m', { kind: 'email', skip }), outcome: 'skipped' },
      );
      expect(applied?.paths.toSorted()).toEqual(deletes === 'keep' ? [] : ['deals/x/a/v1', 'deals/x/b/v1']);
      expect([await namesOf(deal), (await mailsOf(deal)).length]).toEqual(deletes === 'keep' ? [['a.pdf', 'b.pdf'], 1] : [[], 0]);
      expect(await run.end()).toMatchObject({ skipped: 3, failed: 1 });
      expect(await itemOf(source, 'a')).toMatchObject({ state: 'skipped', reason: skip, documentId: null });
    });

    it('leaves a document that was removed here where it is, until it has new content', async () => {
      const { deal, source } = await newRoom(db);
      await synced(db, source, [file('a')]);
      await db.documents.remove((await documentsOf(deal))[0]?.id ?? '');
      const { run } = await begun(source);
      expect(await run.plan(listed('a'))).toEqual({});
      await run.apply({ ...listed('a', { name: 'renamed.pdf' }), outcome: 'meta' });
      expect([await namesOf(deal), (await itemOf(source, 'a'))?.documentId]).toEqual([[], null]);
      await run.apply(file('a', { version: 'v2', name: 'renamed.pdf' }));
      expect(await namesOf(deal)).toEqual(['renamed.pdf']);
    });
  });

  describe('what is deleted', () => {
    const gone = async (room: Room, ...pages: { items?: AppliedItem[]; deletes?: { ref: string; from?: string }[] }[]) => {
      const { run } = await begun(room.source);
      for (const { items = [], deletes = [] } of pages) {
        if (items.length > 0) await run.apply(...items);
        await run.turn({ deletes });
      }
      const { deleted } = (await run.turn({ complete: true })) ?? {};
      await run.end();
      return { deleted, left: await namesOf(room.deal) };
    };

    it('goes at the end of the run, not before, and only from where it is', async () => {
      const room = await newRoom(db);
      await synced(db, room.source, [file('a'), file('b', { place: 'other' }), file('c'), mail('m')]);
      const { run } = await begun(room.source);
      await run.turn({ deletes: [{ ref: 'a' }, { ref: 'b', from: 'folder' }, { ref: 'c', from: 'folder' }, { ref: 'm' }, { ref: 'unknown' }] });
      expect(await namesOf(room.deal)).toEqual(['a.pdf', 'b.pdf', 'c.pdf']);
      const turned = await run.turn({ complete: true });
      expect({ ...turned, paths: turned?.paths.toSorted() }).toEqual({ deleted: 3, paths: ['deals/x/a/v1', 'deals/x/c/v1'], more: false });
      expect([await namesOf(room.deal), await mailsOf(room.deal)]).toEqual([['b.pdf'], []]);
      expect(await refsOf(room.source)).toEqual(['b stored']);
      expect((await itemsOf(room.source, 'deleted')).map(({ ref }) => ref)).toEqual(['m', 'a', 'c']);
      // It comes back.
      expect(await run.plan(listed('a'))).toEqual({ a: 'content' });
      await run.apply(file('a'));
      expect(await namesOf(room.deal)).toEqual(['a.pdf', 'b.pdf']);
    });

    it('stays when it only moved, in whichever order that is told', async () => {
      const room = await newRoom(db);
      const moved = (place: string): AppliedItem => ({ ...listed('a', { place }), outcome: 'meta' });
      const left = { deleted: 0, left: ['a.pdf'] };
      await synced(db, room.source, [file('a', { place: 'one' })]);
      expect(await gone(room, { deletes: [{ ref: 'a', from: 'one' }] }, { items: [moved('two')] })).toEqual(left);
      expect(await gone(room, { items: [moved('three')] }, { deletes: [{ ref: 'a', from: 'two' }] })).toEqual(left);
      expect(await gone(room, { items: [moved('four')], deletes: [{ ref: 'a', from: 'three' }] })).toEqual(left);
      expect(await gone(room, { items: [{ ...listed('a'), outcome: 'gone' }] }, { items: [moved('five')] })).toEqual(left);
      expect(await gone(room, { items: [{ ...listed('a'), outcome: 'gone' }] })).toEqual({ deleted: 1, left: [] });
    });

    it('follows from a full listing when it is complete, and from nothing before', async () => {
      const room = await newRoom(db);
      await synced(db, room.source, [file('a'), file('b'), file('c')]);
      const { run } = await begun(room.source, 'full', 'full');
      await run.plan(listed('a'));
      await run.turn({ cursor: 'page 2' });
      expect(await namesOf(room.deal)).toEqual(['a.pdf', 'b.pdf', 'c.pdf']);
      const { run: next } = await begun(room.source, 'full', 'full');
      await next.plan(listed('b'));
      expect(await next.turn({ complete: true })).toMatchObject({ deleted: 1 });
      expect(await namesOf(room.deal)).toEqual(['a.pdf', 'b.pdf']);
    });

    it('goes in parts when it is much, before the page is turned', async () => {
      const room = await newRoom(db);
      const all = Array.from({ length: 230 }, (_unused, index) => listed(`m${index}`));
      const { run } = await begun(room.source, 'one');
      await service
        .from('source_items')
        .insert(all.map(({ ref }) => ({ source_id: room.source.id, ref, deal_id: room.deal.id, kind: 'document', state: 'stored', generation: 1 })));
      await run.turn({ cursor: 'changes', complete: true });
      await run.turn({ cursor: 'at 1', deletes: all.map(({ ref }) => ({ ref })) });
      expect(await run.turn({ cursor: 'at 2', complete: true })).toMatchObject({ deleted: 200, more: true });
      const { run: next, found } = await begun(room.source, 'one');
      expect(found).toMatchObject({ cursor: 'at 1' });
      expect(await next.turn({ cursor: 'at 2', complete: true })).toMatchObject({ deleted: 30, more: false });
      expect(await next.end()).toMatchObject({ deleted: 230, pages: 3 });
      expect(await refsOf(room.source)).toEqual([]);
    });

    it('stays in the deal where the source says so', async () => {
      const room = await newRoom(db, { settings: { deletes: 'keep' } });
      await synced(db, room.source, [file('a')]);
      expect(await gone(room, { deletes: [{ ref: 'a' }] })).toEqual({ deleted: 1, left: ['a.pdf'] });
      expect(await itemOf(room.source, 'a')).toMatchObject({ state: 'deleted', documentId: expect.any(String) });
    });

    it('stays while another source of the deal has it, and where an app has added it', async () => {
      const room = await newRoom(db);
      const second = await addSource(db, room.deal);
      const { email } = await db.emails.create(newEmail(room.deal, { messageId: '<m@example.com>' }));
      await synced(db, room.source, [file('a'), mail('m')]);
      const { run } = await begun(second);
      // Read once more: the file that stands for it is the first one's.
      expect(
        await run.apply({ ...file('a'), outcome: 'document', document: { contentHash: 'a v1', sizeBytes: 1, storagePath: 'second/a' } }),
      ).toEqual({
        paths: ['second/a'],
      });
      await run.end();
      expect(await gone(room, { deletes: [{ ref: 'a' }, { ref: 'm' }] })).toEqual({ deleted: 2, left: ['a.pdf'] });
      expect(await mailsOf(room.deal)).toMatchObject([{ id: email.id }]);
      expect(await db.dealSources.remove(second.id, { keep: false })).toEqual({ paths: ['deals/x/a/v1'] });
      expect(await namesOf(room.deal)).toEqual([]);
    });

    it('leaves its thread to be looked at again, or without its blocker', async () => {
      const room = await newRoom(db, { sourceType: 'gmail' });
      await synced(db, room.source, [mail('first'), mail('second', { email: { sentAt: '2026-11-21T10:00:00.000Z' } })]);
      const byRef = async (ref: string) => (await mailsOf(room.deal)).find(({ sourceRef }) => sourceRef === ref) ?? { id: '', dealId: '' };
      const blocker = { threadId: 'thread', threadSize: 2, blocker: { status: 'open', summary: 's', items: [] } };
      for (const ref of ['first', 'second']) await perform(db, await byRef(ref), 'detect_blocker', blocker);
      await gone(room, { deletes: [{ ref: 'second' }] });
      expect(await stepsOf('email', (await byRef('first')).id)).toContain('detect_blocker queued');
      expect((await db.emails.blockers({ dealId: room.deal.id, limit: 9 })).items).toHaveLength(1);
      await gone(room, { deletes: [{ ref: 'first' }] });
      expect((await db.emails.blockers({ dealId: room.deal.id, limit: 9 })).items).toEqual([]);
    });
  });

  it('items are listed by their names, page by page, and by their state', async () => {
    const { source } = await newRoom(db);
    await synced(
      db,
      source,
      ['a', 'B', 'c', 'Ä'].map((ref) => file(ref)),
    );
    const { run } = await begun(source);
    await run.apply({ ...listed('b', { skip: 'x' }), outcome: 'skipped' });
    const first = await db.dealSources.items({ sourceId: source.id, limit: 3 });
    expect(first.items.map(({ ref }) => ref)).toEqual(['B', 'a', 'b']);
    const second = await db.dealSources.items({ sourceId: source.id, limit: 3, cursor: first.nextCursor ?? '' });
    expect([second.items.map(({ ref }) => ref), second.nextCursor]).toEqual([['c', 'Ä'], null]);
    expect((await db.dealSources.items({ sourceId: source.id, limit: 9, state: 'skipped' })).items).toMatchObject([{ ref: 'b', reason: 'x' }]);
    expect(await db.dealSources.counts(source.id)).toEqual({ stored: 4, skipped: 1 });
    await expect(db.dealSources.items({ sourceId: source.id, limit: 9, cursor: 'x' })).rejects.toMatchObject({ code: 'invalid_input' });
  });

  describe('a sync that is asked for', () => {
    it('is one with another that nobody has taken yet; the two kinds are two', async () => {
      const { source } = await newRoom(db);
      const first = await db.dealSources.ask(source.id, 'incremental', { trigger: 'notice', userId: 'u' });
      expect(first).toEqual({ outboxId: expect.any(Number), jobId: expect.stringContaining(`source-sync-${source.id}-incremental-`) });
      expect(await db.dealSources.ask(source.id, 'incremental')).toEqual(first);
      const full = await db.dealSources.ask(source.id, 'full');
      expect(full?.jobId).not.toBe(first?.jobId);
      const payload = { dealId: source.dealId, sourceType: 'gdrive', syncType: 'incremental', sourceId: source.id };
      expect(await outboxOf(source)).toMatchObject([{ payload, options: { userId: 'u', trigger: 'notice' } }, { payload: { syncType: 'full' } }]);
      expect(await stepsOf('source', `${source.id}/incremental`)).toEqual(['sync queued']);
      await claim();
      const second = await db.dealSources.ask(source.id, 'incremental');
      expect(second?.jobId).not.toBe(first?.jobId);
      expect((await begun(source, second?.jobId)).found).toMatchObject({ sync: { trigger: 'manual' } });
      expect([await db.dealSources.ask(randomUUID(), 'full'), await db.dealSources.ask('none', 'full')]).toEqual([undefined, undefined]);
    });

    it('while another runs leaves its step waiting when that one has ended', async () => {
      const { source } = await newRoom(db);
      const step = { subject: 'source', key: `${source.id}/incremental`, operation: 'sync' } as const;
      const begin = (jobId: string, runId: string) =>
        db.dealSteps.begin({
          ...step,
          dealId: source.dealId,
          queue: 'source-sync',
          payload: {},
          runId,
          jobId,
          inputHash: randomUUID(),
          force: false,
        });
      const record = (runId: string) => db.dealSteps.record({ ...step, runId, inputHash: 'h', result: { runId } }, {});
      const first = await db.dealSources.ask(source.id, 'incremental');
      await claim();
      await begin(first?.jobId ?? '', 'one');
      const second = await db.dealSources.ask(source.id, 'incremental');
      expect(await record('one')).toBe(true);
      expect(await db.dealSteps.list('source', step.key)).toMatchObject([{ status: 'queued', jobId: second?.jobId }]);
      expect(await db.dealSteps.unfinished({ before: '2030-01-01T00:00:00Z', limit: 999 })).not.toContainEqual(
        expect.objectContaining({ jobId: first?.jobId }),
      );
      await begin(second?.jobId ?? '', 'two');
      expect([await record('none'), await record('two')]).toEqual([false, true]);
      expect(await db.dealSteps.ofJob('source-sync', second?.jobId ?? '')).toMatchObject({ status: 'succeeded', result: { runId: 'two' } });
    });
  });

  describe('the poll', () => {
    const at = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();
    const asked = async (source: DealSource, minutes: number) => {
      await claim();
      await service.from('deal_steps').update({ status: 'succeeded' }).eq('key', `${source.id}/incremental`);
      const before = (await outboxOf(source)).length;
      await db.dealSources.poll({ limit: 999, now: at(minutes) });
      return (await outboxOf(source)).length > before;
    };

    it('asks for a source when its time has come, which is later where notices come, and once', async () => {
      const { source } = await newRoom(db);
      const half = await addSource(db, { id: source.dealId }, { settings: { pollMinutes: 30 } });
      expect(await asked(source, 0)).toBe(true);
      await db.dealSources.poll({ limit: 999, now: at(0) });
      expect(await outboxOf(source)).toHaveLength(1);
      for (const one of [source, half]) await synced(db, one, []);
      expect([await asked(source, 14), await asked(source, 16), await asked(half, 16), await asked(half, 31)]).toEqual([false, true, false, true]);
      await db.dealSources.setWatch(half.id, { id: randomUUID(), secretHash: 'h', resource: null, expiresAt: at(9_999) });
      expect([await asked(half, 31), await asked(half, 121)]).toEqual([false, true]);
    });

    it('leaves alone what is paused, syncing, or waits for its account, until that is connected again', async () => {
      const { source } = await newRoom(db);
      const { run } = await begun(source);
      expect([await asked(source, 60), await asked(source, 121)]).toEqual([false, true]);
      await run.end({ status: 'failed', error: 'x', code: 'reauth_required' });
      const connection = { id: source.connectionId ?? '' };
      await service.from('oauth_connections').update({ status: 'reauth_required' }).eq('id', connection.id);
      expect(await asked(source, 999)).toBe(false);
      await service.from('oauth_connections').update({ status: 'active' }).eq('id', connection.id);
      expect(await asked(source, 0)).toBe(true);
      await db.dealSources.change(source.id, { paused: true });
      expect(await asked(source, 999)).toBe(false);
    });

    it('asks first for those that have waited longest', async () => {
      const { source } = await newRoom(db);
      await db.dealSources.poll({ limit: 999, now: at(0) });
      const never = await addSource(db, { id: source.dealId });
      await synced(db, source, []);
      await service.from('deal_steps').update({ status: 'succeeded' }).eq('subject', 'source').eq('key', `${source.id}/incremental`);
      expect(await db.dealSources.poll({ limit: 1, now: at(99) })).toBe(1);
      expect(await outboxOf(never)).toHaveLength(1);
    });
  });

  describe('notices', () => {
    const watched = async (room: Room, changes = {}) => {
      const watch = { id: randomUUID(), secretHash: 'hash', resource: 'r', expiresAt: '2030-01-01T00:00:00.000Z', ...changes };
      await db.dealSources.setWatch(room.source.id, watch);
      return watch.id;
    };

    it('are forged, replayed, or ask for a sync', async () => {
      const room = await newRoom(db);
      const watchId = await watched(room);
      const known = { watchId, secretHash: 'hash' };
      expect(await db.dealSources.notice({ ...known, secretHash: 'guess' })).toBe('forged');
      expect(await db.dealSources.notice({ watchId: randomUUID(), secretHash: 'hash' })).toBe('forged');
      expect(await outboxOf(room.source)).toEqual([]);
      expect(await db.dealSources.notice({ ...known, number: '5' })).toBe('queued');
      expect(await db.dealSources.notice({ ...known, number: '5' })).toBe('replayed');
      expect(await db.dealSources.notice({ ...known, number: '4' })).toBe('replayed');
      expect(await db.dealSources.notice({ ...known, number: '12345678901234567890123' })).toBe('waiting');
      expect(await db.dealSources.notice({ ...known, key: 'k' })).toBe('waiting');
      expect(await db.dealSources.notice({ ...known, key: 'k' })).toBe('replayed');
      expect(await outboxOf(room.source)).toHaveLength(1);
      await db.dealSources.change(room.source.id, { paused: true });
      expect(await db.dealSources.notice({ ...known, key: 'l' })).toBe('inactive');
      await db.dealSources.setWatch(room.source.id, null);
      expect(await db.dealSources.notice(known)).toBe('forged');
    });

    it('come by the thousand, and one sync waits', async () => {
      const room = await newRoom(db);
      const known = { watchId: await watched(room), secretHash: 'hash' };
      const outcomes = await Promise.all(Array.from({ length: 1_000 }, (_unused, index) => db.dealSources.notice({ ...known, key: `${index}` })));
      expect([outcomes.filter((one) => one === 'queued').length, outcomes.filter((one) => one === 'waiting').length]).toEqual([1, 999]);
      expect(await outboxOf(room.source)).toHaveLength(1);
      const again = await Promise.all(Array.from({ length: 1_000 }, (_unused, index) => db.dealSources.notice({ ...known, key: `${index}` })));
      expect(new Set(again)).toEqual(new Set(['replayed']));
    });

    it('of a mailbox ask for all of its sources that are not paused', async () => {
      const room = await newRoom(db, { sourceType: 'gmail' });
      const connectionId = room.source.connectionId ?? '';
      const paused = await addSource(db, room.deal, { sourceType: 'gmail', connectionId, settings: { query: 'x' } });
      await db.dealSources.change(paused.id, { paused: true });
      await addSource(db, room.deal, { sourceType: 'gdrive', connectionId });
      expect([await db.dealSources.noticeMailbox(connectionId), await db.dealSources.noticeMailbox(randomUUID())]).toEqual([1, 0]);
      expect(await outboxOf(room.source)).toHaveLength(1);
    });

    it('are asked for in time: for sources without a watch, or whose watch ends soon', async () => {
      const room = await newRoom(db);
      const due = async (before: string) =>
        (await db.dealSources.watchesEndingBefore(before, { types: ['gdrive'], limit: 999 })).find(({ source }) => source.id === room.source.id);
      expect(await due(NOW)).toMatchObject({ watch: null });
      const id = await watched(room, { expiresAt: NOW });
      expect(await due('2026-11-22T11:00:00Z')).toBeUndefined();
      expect(await due('2026-11-22T13:00:00Z')).toMatchObject({ watch: { id, resource: 'r', expiresAt: NOW } });
    });
  });
});
