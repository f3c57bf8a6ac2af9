import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deal, DealEmail } from '../../lib/db/deal-types.ts';
import type { Db } from '../../lib/db/types.ts';
import { signUp, type TestUser } from '../support/users.ts';
import { begin, newDeal, newDocument, newEmail, newReading, options, perform, readDocument, record, stepOf } from './deal-samples.ts';
import { type World, worlds } from './worlds.ts';

const TABLES = [
  'deals',
  'deal_members',
  'documents',
  'document_chunks',
  'document_risks',
  'emails',
  'deal_blockers',
  'deal_events',
  'daily_briefs',
  'daily_brief_editions',
  'brief_deliveries',
  'deal_sources',
  'source_syncs',
  'deal_steps',
];

describe.each(worlds)('deal rooms on %s', (_, start) => {
  let world: World;
  let db: Db;
  let ann: TestUser;
  let bob: TestUser;
  let service: SupabaseClient;
  beforeAll(async () => {
    world = await start();
    ({ db } = world);
    [ann, bob] = [await signUp(world), await signUp(world)];
    service = createClient(world.url, world.serviceKey, { ...(world.fetch ? { global: { fetch: world.fetch } } : {}) });
  });
  afterAll(() => world.stop());

  const eventsOf = async (subject: { id: string }): Promise<{ kind: string; data: Record<string, unknown> }[]> =>
    (await service.from('deal_events').select('kind,data').eq('subject_id', subject.id).order('id')).data ?? [];
  const kindsOf = async (subject: { id: string }) => (await eventsOf(subject)).map(({ kind }) => kind);

  describe('a deal', () => {
    it('has the one who makes it as its first member, and is made once', async () => {
      const id = randomUUID();
      const deal = await db.deals.create(
        newDeal({ id, briefDelivery: { mail: ['ann@example.com'], webhook: true }, timeZone: 'Europe/Berlin' }),
        ann.id,
      );
      expect(deal).toMatchObject({ id, name: 'Project Falcon', status: 'active', createdBy: ann.id, timeZone: 'Europe/Berlin', briefTime: null });
      expect(deal.briefDelivery).toEqual({ mail: ['ann@example.com'], webhook: true });
      expect(await db.deals.create(newDeal({ id, name: 'Another' }), bob.id)).toEqual(deal);
      expect(await db.deals.members(id)).toEqual([{ dealId: id, userId: ann.id, role: 'owner' }]);
      expect(await db.deals.get(id)).toEqual(deal);
      expect(await db.deals.get(randomUUID())).toBeUndefined();
      expect(await db.deals.get('none')).toBeUndefined();
      await expect(db.deals.create(newDeal(), 'nobody')).rejects.toMatchObject({ code: 'invalid_input' });
    });

    it('changes in what is given, null included', async () => {
      const { id } = await db.deals.create(newDeal({ description: 'A mill', timeZone: 'Asia/Tokyo', briefTime: '0 6 * * *' }), null);
      expect(await db.deals.change(id, { name: 'Project \u0000Hawk', timeZone: null, status: 'paused' })).toMatchObject({
        name: 'Project Hawk',
        description: 'A mill',
        timeZone: null,
        briefTime: '0 6 * * *',
        status: 'paused',
      });
      expect(await db.deals.change(id, { briefTime: null, briefDelivery: { webhook: true } })).toMatchObject({
        briefTime: null,
        briefDelivery: { webhook: true },
      });
      expect(await db.deals.change(randomUUID(), { name: 'x' })).toBeUndefined();
    });

    it('gains and loses members', async () => {
      const { id } = await db.deals.create(newDeal(), ann.id);
      await db.deals.addMember(id, bob.id);
      await db.deals.addMember(id, bob.id, 'reader');
      expect(await db.deals.members(id)).toMatchObject([{ userId: ann.id }, { userId: bob.id, role: 'reader' }]);
      expect([await db.deals.isMember(id, bob.id), await db.deals.isMember(id, randomUUID()), await db.deals.isMember('none', bob.id)]).toEqual([
        true,
        false,
        false,
      ]);
      await db.deals.removeMember(id, bob.id);
      await db.deals.removeMember(id, bob.id);
      expect(await db.deals.isMember(id, bob.id)).toBe(false);
      await expect(db.deals.addMember(randomUUID(), bob.id)).rejects.toMatchObject({ code: 'not_found' });
    });

    it('is listed newest first, to its members, by its state', async () => {
      const user = randomUUID();
      for (const name of ['a', 'b', 'c']) await db.deals.create(newDeal({ name, status: name === 'b' ? 'closed' : 'active' }), user);
      await db.deals.create(newDeal({ name: 'of another' }), bob.id);
      const first = await db.deals.list({ limit: 2, userId: user });
      expect(first.items.map(({ name }) => name)).toEqual(['c', 'b']);
      const second = await db.deals.list({ limit: 2, userId: user, cursor: first.nextCursor ?? '' });
      expect([second.items.map(({ name }) => name), second.nextCursor]).toEqual([['a'], null]);
      expect((await db.deals.list({ limit: 9, userId: user, status: 'active' })).items.map(({ name }) => name)).toEqual(['c', 'a']);
      expect((await db.deals.list({ limit: 9, userId: 'nobody' })).items).toEqual([]);
      expect((await db.deals.list({ limit: 1 })).items).toMatchObject([{ name: 'of another' }]);
      await expect(db.deals.list({ limit: 1, cursor: 'x' })).rejects.toMatchObject({ code: 'invalid_input' });
    });

    it('goes with all that is in it', async () => {
      const deal = await db.deals.create(newDeal(), ann.id);
      const document = await readDocument(db, deal);
      const { email } = await db.emails.create(newEmail(deal));
      await service.from('deals').delete().eq('id', deal.id);
      expect(await db.documents.get(document.id)).toBeUndefined();
      expect(await db.emails.get(email.id)).toBeUndefined();
      expect(await db.dealSteps.list('document', document.id)).toEqual([]);
      expect(await db.dealSteps.list('email', email.id)).toEqual([]);
      expect((await service.from('deal_events').select().eq('deal_id', deal.id)).data).toEqual([]);
    });
  });

  describe('row-level security', () => {
    let deal: Deal;
    beforeAll(async () => {
      deal = await db.deals.create(newDeal(), ann.id);
      const document = await readDocument(db, deal);
      await perform(db, document, 'extract_risks', {
        model: null,
        promptVersion: null,
        risks: [{ key: 'k', category: 'tax', severity: 'low', quote: 'q', explanation: 'e' }],
      });
      const { email } = await db.emails.create(newEmail(deal, { messageId: '<m>' }));
      await perform(db, email, 'detect_blocker', { threadId: '<m>', threadSize: 1, blocker: { status: 'open', summary: 's', items: [] } });
      const insert = async (table: string, row: Record<string, unknown>): Promise<string> => {
        const { data, error } = await service.from(table).insert(row).select().single();
        if (error) throw new Error(error.message);
        return data.id;
      };
      const brief = await insert('daily_briefs', { deal_id: deal.id, date: '2026-11-22' });
      const edition = await insert('daily_brief_editions', { brief_id: brief, deal_id: deal.id, edition: 1, content: {}, markdown: '', html: '' });
      await insert('brief_deliveries', { edition_id: edition, channel: 'webhook' });
      await insert('source_syncs', {
        deal_id: deal.id,
        source_id: await insert('deal_sources', { deal_id: deal.id }),
        source_type: 'drive',
        status: 'failed',
        error: 'x',
      });
    });

    /** supabase-js as an app's browser code has it; without a user nobody has signed in. */
    const browser = (user?: TestUser): SupabaseClient =>
      createClient(world.url, world.publishableKey, {
        ...(world.fetch ? { global: { fetch: world.fetch } } : {}),
        ...(user ? { accessToken: async () => user.jwt } : { auth: { persistSession: false } }),
      });

    it.each(TABLES)('shows %s to members, not to others, and lets nobody write', async (table) => {
      const { data } = await browser(ann).from(table).select();
      expect(data?.length).toBeGreaterThan(0);
      const column = table === 'deals' ? 'id' : 'deal_id';
      const strangers = (await browser(bob).from(table).select()).data ?? [];
      expect(strangers.filter((row) => row[column] === undefined || row[column] === deal.id)).toEqual([]);
      expect((await browser().from(table).select()).data ?? []).toEqual([]);

      const before = (await service.from(table).select()).data;
      const [row] = data ?? [];
      const copy = { ...row, ...('id' in row && typeof row.id === 'string' ? { id: randomUUID() } : {}) };
      expect((await browser(ann).from(table).insert(copy)).error).not.toBeNull();
      await browser(ann).from(table).update({ updated_at: '2020-01-01T00:00:00Z' }).eq('created_at', row.created_at);
      await browser(ann).from(table).delete().eq('created_at', row.created_at);
      expect((await service.from(table).select()).data).toEqual(before);
    });

    it('holds for the tables as a user has them', async () => {
      const [anns, bobs] = [db.forUser(ann.jwt), db.forUser(bob.jwt)];
      const [document] = (await anns.documents.list({ limit: 9, dealId: deal.id })).items;
      const id = document?.id ?? '';
      expect((await anns.deals.list({ limit: 99 })).items.map(({ id }) => id)).toContain(deal.id);
      expect(await anns.documents.chunks(id)).toHaveLength(2);
      expect((await anns.documents.risks({ limit: 9, dealId: deal.id })).items).toHaveLength(1);
      expect(await anns.emails.thread(deal.id, '<m>')).toHaveLength(1);
      expect((await anns.emails.blockers({ limit: 9, dealId: deal.id })).items).toHaveLength(1);
      expect(await anns.deals.isMember(deal.id, ann.id)).toBe(true);
      expect((await bobs.deals.list({ limit: 99 })).items.map(({ id }) => id)).not.toContain(deal.id);
      expect((await bobs.deals.list({ limit: 99, userId: ann.id })).items).toEqual([]);
      expect(await bobs.documents.get(id)).toBeUndefined();
      expect(await bobs.documents.chunks(id)).toEqual([]);
      expect(await bobs.emails.thread(deal.id, '<m>')).toEqual([]);
      expect((await bobs.emails.blockers({ limit: 9 })).items).toEqual([]);
      expect(await bobs.deals.members(deal.id)).toEqual([]);
      await db.deals.addMember(deal.id, bob.id);
      expect(await bobs.documents.get(id)).toEqual(document);
      await db.deals.removeMember(deal.id, bob.id);
      expect(await bobs.documents.get(id)).toBeUndefined();
      const refused = { code: 'forbidden' };
      await expect(anns.documents.create(newDocument(deal), {})).rejects.toMatchObject(refused);
      await expect(anns.documents.remove(id)).rejects.toMatchObject(refused);
      await expect(anns.documents.ask(id, ['ingest'])).rejects.toMatchObject(refused);
      await expect(anns.emails.create(newEmail(deal))).rejects.toMatchObject(refused);
      await expect(anns.deals.change(deal.id, { name: 'Mine' })).rejects.toMatchObject(refused);
      await expect(bobs.deals.addMember(deal.id, bob.id)).rejects.toMatchObject(refused);
    });
  });

  describe('an e-mail', () => {
    let deal: Deal;
    beforeAll(async () => {
      deal = await db.deals.create(newDeal(), null);
    });
    const stored = async (changes = {}): Promise<DealEmail> => (await db.emails.create(newEmail(deal, changes))).email;

    it('is stored and worked on, once for each message id in a deal', async () => {
      const mail = newEmail(deal, { subject: 'List \ud800', sentAt: '2026-11-20T10:00:00.000Z' });
      const created = await db.emails.create(mail, options);
      const id = created.email.id;
      expect(created).toMatchObject({
        outcome: 'created',
        email: { ...mail, subject: 'List \ufffd', threadId: mail.messageId, sentiment: null },
        asked: {
          analyze_sentiment: { jobId: `email-analyze_sentiment-${id}-one`, outboxId: expect.any(Number) },
          detect_blocker: { jobId: `email-detect_blocker-${id}-one`, outboxId: expect.any(Number) },
        },
      });
      expect(await db.emails.create({ ...mail, text: 'other' })).toEqual({ outcome: 'known', email: created.email, asked: {} });
      const elsewhere = await db.deals.create(newDeal(), null);
      expect((await db.emails.create({ ...mail, dealId: elsewhere.id })).outcome).toBe('created');
      expect(await kindsOf({ id })).toEqual(['email_added']);
      expect(await db.emails.get(id)).toEqual(created.email);
      await expect(db.emails.create(newEmail({ id: randomUUID() }))).rejects.toMatchObject({ code: 'not_found' });
      // Its answer was lost.
      const again = { ...newEmail(deal, { messageId: null }), id: randomUUID() };
      expect(await db.emails.create(again, options)).toEqual(await db.emails.create(again, options));
    });

    it('belongs to the thread of what it replies to, else to the one it names, else to its own', async () => {
      const first = await stored({ messageId: '<1>', threadId: 't-1' });
      expect(first.threadId).toBe('t-1');
      expect((await stored({ messageId: '<2>', inReplyTo: '<1>', threadId: 'another' })).threadId).toBe('t-1');
      expect((await stored({ messageId: '<3>', inReplyTo: '<2>' })).threadId).toBe('t-1');
      expect((await stored({ messageId: '<5>', inReplyTo: '<4>' })).threadId).toBe('<4>');
      expect((await stored({ messageId: '<4>' })).threadId).toBe('<4>');
      const bare = await stored({ messageId: null });
      expect(bare.threadId).toBe(bare.id);
      expect((await db.emails.list({ limit: 9, dealId: deal.id, threadId: 't-1' })).items.map(({ messageId }) => messageId)).toEqual([
        '<3>',
        '<2>',
        '<1>',
      ]);
    });

    it('is read with its thread, the newest of it, oldest first', async () => {
      const own = await db.deals.create(newDeal(), null);
      const sent = (day: number) => `2026-01-${String(day).padStart(2, '0')}T00:00:00.000Z`;
      for (const [day, subject] of [
        [3, 'c'],
        [1, 'a'],
        [2, 'b'],
      ] as const)
        await db.emails.create(newEmail(own, { threadId: 't', sentAt: sent(day), subject }));
      await db.emails.create(newEmail(own, { threadId: 't', subject: 'undated' }));
      expect((await db.emails.thread(own.id, 't')).map(({ subject }) => subject)).toEqual(['a', 'b', 'c', 'undated']);
      await service
        .from('emails')
        .insert(Array.from({ length: 200 }, (_unused, index) => ({ deal_id: own.id, thread_id: 't', subject: `${index}`, sent_at: sent(4) })));
      const thread = await db.emails.thread(own.id, 't');
      expect([thread.length, thread.some(({ subject }) => subject === 'c'), thread.at(-1)?.subject]).toEqual([200, false, 'undated']);
      expect(await db.emails.thread('none', 't')).toEqual([]);
    });

    it('tells of its sentiment when that changes', async () => {
      const email = await stored();
      const hostile = { label: 'negative', score: -0.75, urgency: 'high', model: 'm', promptVersion: '1' };
      await perform(db, email, 'analyze_sentiment', hostile);
      await perform(db, email, 'analyze_sentiment', { ...hostile, promptVersion: '2' });
      expect(await db.emails.get(email.id)).toMatchObject({
        sentiment: 'negative',
        sentimentScore: -0.75,
        urgency: 'high',
        sentimentModel: 'm',
        sentimentPromptVersion: '2',
      });
      expect(await eventsOf(email)).toMatchObject([
        { kind: 'email_added' },
        { kind: 'email_analyzed', data: { from: 'Ann', label: 'negative', score: -0.75, urgency: 'high' } },
      ]);
      const asked = await db.emails.ask(email.id, ['analyze_sentiment'], options);
      expect(asked).toEqual({ analyze_sentiment: { jobId: `email-analyze_sentiment-${email.id}-one`, outboxId: expect.any(Number) } });
      expect(await db.emails.ask(randomUUID(), ['detect_blocker'])).toBeUndefined();
    });

    it('opens, changes, resolves and reopens what holds its thread up', async () => {
      const email = await stored();
      const threadId = email.threadId ?? '';
      const item = { what: 'the list', owedBy: 'Bob', owedTo: null, dueDate: '2026-11-30', messageIds: ['<1>'] };
      const open = { status: 'open', summary: 'The list is missing', items: [item], messageIds: ['<1>'], resolvedBy: [] };
      const found = (blocker: unknown, changes = {}) =>
        perform(db, email, 'detect_blocker', { threadId, threadSize: 1, subject: 'List', blocker, model: 'm', promptVersion: '1', ...changes });
      const current = async () => (await db.emails.blockers({ limit: 9, dealId: deal.id })).items.find((one) => one.threadId === threadId);

      await found(null);
      expect(await current()).toBeUndefined();
      await found(open);
      const first = await current();
      expect(first).toMatchObject({
        status: 'open',
        subject: 'List',
        summary: 'The list is missing',
        items: [item],
        messageIds: ['<1>'],
        resolvedAt: null,
        model: 'm',
      });
      await found(open);
      await found({ ...open, summary: 'The list and the plan are missing' });
      expect(await current()).toMatchObject({ id: first?.id, openedAt: first?.openedAt });
      await found({ ...open, status: 'resolved', resolvedBy: ['<9>'] });
      expect(await current()).toMatchObject({ id: first?.id, status: 'resolved', resolvedBy: ['<9>'], resolvedAt: expect.any(String) });
      await found({ ...open, status: 'resolved', resolvedBy: ['<9>'] });
      await found(open);
      expect(await current()).toMatchObject({ status: 'open', resolvedAt: null });
      await found(null);
      expect(await current()).toMatchObject({ status: 'resolved', summary: 'The list is missing' });
      await found(null);
      expect(await kindsOf({ id: first?.id ?? '' })).toEqual([
        'blocker_opened',
        'blocker_changed',
        'blocker_resolved',
        'blocker_reopened',
        'blocker_resolved',
      ]);
      expect((await db.emails.blockers({ limit: 9, dealId: deal.id, status: 'open' })).items).toEqual([]);

      await stored({ threadId });
      await found(open);
      expect(await current()).toMatchObject({ status: 'resolved' });
      await found(open, { threadSize: 2 });
      expect(await current()).toMatchObject({ status: 'open' });
    });

    it('that is one of hundreds in its thread is not taken for stale', async () => {
      const own = await db.deals.create(newDeal(), null);
      const { email } = await db.emails.create(newEmail(own, { threadId: 'long' }));
      await service.from('emails').insert(Array.from({ length: 210 }, () => ({ deal_id: own.id, thread_id: 'long' })));
      await perform(db, email, 'detect_blocker', { threadId: 'long', threadSize: 200, blocker: { status: 'open', summary: 's', items: [] } });
      expect((await db.emails.blockers({ limit: 9, dealId: own.id })).items).toHaveLength(1);
    });

    it('that is gone takes its steps along', async () => {
      const email = await stored();
      const work = stepOf(email, 'analyze_sentiment');
      await begin(db, work);
      await service.from('emails').delete().eq('id', email.id);
      expect(await record(db, work, { label: 'positive' })).toBe(false);
      expect(await db.dealSteps.list('email', email.id)).toEqual([]);
    });
  });

  it('a sync that fails is told of once', async () => {
    const deal = await db.deals.create(newDeal(), null);
    const { data } = await service.from('source_syncs').insert({ deal_id: deal.id, source_type: 'drive', status: 'running' }).select().single();
    await service.from('source_syncs').update({ status: 'failed', error: 'No access' }).eq('id', data.id);
    await service.from('source_syncs').update({ status: 'failed', error: 'No access' }).eq('id', data.id);
    expect(await eventsOf(data)).toEqual([{ kind: 'sync_failed', data: { sourceType: 'drive', error: 'No access' } }]);
  });

  it('a reading is stored with what a document may hold', async () => {
    const deal = await db.deals.create(newDeal(), null);
    const { document } = await db.documents.create(newDocument(deal, { sizeBytes: 5_000_000_000, name: 'Ünïcode \u0000.pdf' }), {});
    await perform(db, document, 'ingest', newReading({ chunks: [], title: null, language: null }));
    expect(await db.documents.get(document.id)).toMatchObject({ sizeBytes: 5_000_000_000, name: 'Ünïcode .pdf', title: null, language: null });
    expect(await db.documents.chunks(document.id)).toEqual([]);
  });
});
