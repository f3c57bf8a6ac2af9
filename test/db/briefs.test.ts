import { randomUUID } from 'node:crypto';
import { createClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blockerIn, changesOf, dealIn, documentIn, emailIn, factsIn, owed, recorded, risk, risksIn, untold } from '../briefs/samples.ts';
import { signUp } from '../support/users.ts';
import { begin, fail, newDocument, stepOf } from './deal-samples.ts';
import { type World, worlds } from './worlds.ts';

describe.each(worlds)('briefs on %s', (_, start) => {
  let world: World;
  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.stop());

  /** As the service role, past the tables' functions. */
  const client = () =>
    createClient(world.url, world.serviceKey, { ...(world.fetch ? { global: { fetch: world.fetch } } : {}), auth: { persistSession: false } });
  const put = async (table: string, row: Record<string, unknown>) => client().from(table).insert(row).throwOnError();
  const sendTo = { briefDelivery: { mail: ['Ann@example.com', 'ann@example.com', 'bob@example.com'], webhook: true } };

  it('tell of documents as they are now, however they came to be so', async () => {
    const { db } = world;
    const deal = await dealIn(db);
    await documentIn(db, deal, 'SPA.pdf', { summary: 'The seller sells all shares. And more.', workstream: 'legal' });
    const unreadable = await documentIn(db, deal, 'scan.pdf');
    const reading = stepOf(unreadable, 'ingest');
    await begin(db, reading);
    await fail(db, reading, 'It is encrypted');
    const synced = { source: 'gdrive', sourceRef: 'file-1', name: 'plan.xlsx' };
    await db.documents.create(newDocument(deal, synced));
    const first = await factsIn(db, deal);
    expect(first.documents.counts).toEqual({ added: 2, unreadable: 1 });
    expect(first.documents.list).toMatchObject([
      { name: 'SPA.pdf' },
      { name: 'scan.pdf', change: 'unreadable', reason: 'It is encrypted' },
      { name: 'plan.xlsx' },
    ]);
    await recorded(db, deal, changesOf(first));
    await db.documents.create(newDocument(deal, synced));
    const gone = await documentIn(db, deal, 'draft.docx');
    await db.documents.remove(gone.id);
    const { documents } = await factsIn(db, deal);
    expect(documents.counts).toEqual({ changed: 1, passing: 1 });
    expect(documents.list).toMatchObject([{ name: 'plan.xlsx', change: 'changed', version: 2 }]);
  });

  it('tell of everything that no edition has told of, once', async () => {
    const { db } = world;
    const deal = await dealIn(db);
    const spa = await documentIn(db, deal, 'SPA.pdf', { summary: 'The seller sells all shares.', workstream: 'legal' });
    await risksIn(db, spa, [risk({ severity: 'medium' }), risk({ severity: 'critical', page: null })]);
    await blockerIn(db, deal, 't1', {});
    await emailIn(db, deal, { subject: 'Angry' }, { label: 'negative', score: -0.8, urgency: 'high' });
    await emailIn(db, deal, { subject: 'Fine' }, { label: 'positive', score: 0.6, urgency: 'normal' });
    await put('source_syncs', { deal_id: deal.id, source_type: 'gdrive', status: 'failed', error: 'quota' });
    const facts = await factsIn(db, deal);
    expect(facts).toMatchObject({
      deal: 'Project Falcon',
      briefId: null,
      edition: 0,
      from: deal.createdAt,
      left: 0,
      documents: { counts: { added: 1 }, list: [{ name: 'SPA.pdf', change: 'added', workstream: 'legal', summary: 'The seller sells all shares.' }] },
      risks: {
        counts: { critical: 1, medium: 1 },
        list: [
          { severity: 'critical', page: null, document: 'SPA.pdf' },
          { severity: 'medium', page: 12 },
        ],
      },
      blockers: {
        count: 1,
        list: [{ kinds: ['blocker_opened'], status: 'open', items: [{ owedBy: 'Ann Lee', dueDate: '2026-11-20' }] }],
        before: { count: 0 },
      },
      emails: {
        added: 3,
        analyzed: 2,
        mean: -0.1,
        labels: { negative: 1, positive: 1 },
        urgentCount: 1,
        negative: [{ subject: 'Angry', from: 'Ann' }],
      },
      syncs: [{ sourceType: 'gdrive', count: 1, error: 'quota' }],
    });
    expect(facts.eventIds).toHaveLength(10);
    const changes = changesOf(facts);
    expect(await recorded(db, deal, changes)).toBe(true);
    const after = await factsIn(db, deal);
    expect(after).toMatchObject({ briefId: changes.briefId, edition: 1, from: facts.to, eventIds: [], risks: { list: [] }, emails: { added: 0 } });
    expect(after.blockers).toMatchObject({ count: 0, before: { count: 1, list: [{ subject: 'About t1' }] } });
  });

  it('leave what came while one was written to the next', async () => {
    const { db } = world;
    const deal = await dealIn(db);
    await documentIn(db, deal, 'first.pdf');
    const facts = await factsIn(db, deal);
    await documentIn(db, deal, 'second.pdf');
    await recorded(db, deal, changesOf(facts));
    expect((await factsIn(db, deal)).documents.list).toMatchObject([{ name: 'second.pdf' }]);
  });

  it('of two that were written at once, one is stored, and the other may be written anew', async () => {
    const { db } = world;
    const deal = await dealIn(db);
    await documentIn(db, deal, 'first.pdf');
    const facts = await factsIn(db, deal);
    const outcomes = await Promise.allSettled([recorded(db, deal, changesOf(facts)), recorded(db, deal, changesOf(facts))]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const reason = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(reason).toMatchObject([{ retryable: true }]);
    expect(await factsIn(db, deal)).toMatchObject({ edition: 1, eventIds: [] });
    const nothing = await factsIn(db, deal);
    expect(await recorded(db, deal, changesOf(nothing))).toBe(true);
    await expect(recorded(db, deal, changesOf(nothing))).rejects.toMatchObject({ retryable: true });
  });

  it('of two days cannot both tell of the same', async () => {
    const { db } = world;
    const deal = await dealIn(db);
    await documentIn(db, deal, 'first.pdf');
    const facts = await factsIn(db, deal);
    await recorded(db, deal, changesOf(facts));
    await expect(recorded(db, deal, changesOf(facts, { date: '2026-11-21' }))).rejects.toMatchObject({ retryable: true });
    expect(await db.briefs.get(deal.id, '2026-11-21')).toBeUndefined();
  });

  it('of another report, which marks nothing, cannot tell what a daily brief has not', async () => {
    const { db } = world;
    const deal = await dealIn(db);
    await documentIn(db, deal, 'first.pdf');
    const weekly = { report: 'weekly', untold: false, since: '2026-11-01T00:00:00Z' };
    const later = new Date(Date.now() + 60_000).toISOString();
    const facts = await factsIn(db, deal, untold({ ...weekly, to: later }));
    expect(facts).toMatchObject({ from: '2026-11-01T00:00:00.000Z', documents: { list: [{ name: 'first.pdf' }] } });
    expect(await recorded(db, deal, changesOf(facts, { report: 'weekly', eventIds: [] }))).toBe(true);
    expect(await factsIn(db, deal, untold({ ...weekly, to: later }))).toMatchObject({ from: later, documents: { list: [] }, edition: 1 });
    expect((await factsIn(db, deal)).documents.list).toHaveLength(1);
  });

  it('of a day that is over tell of that day', async () => {
    const { db } = world;
    const deal = await dealIn(db);
    for (const [name, at] of [
      ['before', '2026-11-20T04:59:59Z'],
      ['within', '2026-11-20T05:00:00Z'],
      ['after', '2026-11-21T05:00:00Z'],
    ]) {
      await put('deal_events', { deal_id: deal.id, kind: 'document_removed', subject_id: randomUUID(), data: { name }, occurred_at: at });
    }
    const day = { date: '2026-11-20', untold: false, from: '2026-11-20T05:00:00Z', to: '2026-11-21T05:00:00Z' };
    expect((await factsIn(db, deal, untold(day))).documents.list).toMatchObject([{ name: 'within', change: 'removed' }]);
  });

  it('follow a blocker from its beginning to its end', async () => {
    const { db } = world;
    const deal = await dealIn(db);
    const moved = async () => (await factsIn(db, deal)).blockers.list.map(({ kinds, status }) => `${kinds.join(' ')} ${status}`);
    await blockerIn(db, deal, 't1', {});
    await blockerIn(db, deal, 't1', { items: [owed({ dueDate: '2026-12-01' })] });
    expect(await moved()).toEqual(['blocker_opened blocker_changed open']);
    await recorded(db, deal, changesOf(await factsIn(db, deal)));
    await blockerIn(db, deal, 't1', { status: 'resolved' });
    expect(await moved()).toEqual(['blocker_resolved resolved']);
    await blockerIn(db, deal, 't1', {});
    expect(await moved()).toEqual(['blocker_resolved blocker_reopened open']);
  });

  it('are listed and read by members, with their editions and where they went, and by nobody else', async () => {
    const { db } = world;
    const [ann, eve] = [await signUp(world), await signUp(world)];
    const deal = await dealIn(db, sendTo, ann.id);
    for (const markdown of ['first', 'second']) await recorded(db, deal, changesOf(await factsIn(db, deal), { markdown }));
    const { briefs } = db.forUser(ann.jwt);
    const { items } = await briefs.list({ dealId: deal.id, limit: 9 });
    expect(items).toMatchObject([{ dealId: deal.id, date: '2026-11-22', report: 'daily', edition: 2 }]);
    expect(await briefs.get(deal.id, '2026-11-22')).toMatchObject({ markdown: 'second', edition: 2, html: '<h1>A brief</h1>' });
    expect(await briefs.get(deal.id, '2026-11-22', { edition: 1 })).toMatchObject({ markdown: 'first', edition: 1 });
    expect(await briefs.get(deal.id, '2026-11-22', { edition: 3 })).toBeUndefined();
    expect(await briefs.get(deal.id, '2026-11-22', { report: 'weekly' })).toBeUndefined();
    expect(await briefs.get(deal.id, 'yesterday')).toBeUndefined();
    const editions = await briefs.editions(items[0]?.id ?? '');
    expect(editions).toMatchObject([{ edition: 1, trigger: 'manual', late: false }, { edition: 2 }]);
    expect(await briefs.deliveries(editions.map(({ id }) => id))).toHaveLength(6);
    const stranger = db.forUser(eve.jwt).briefs;
    expect(await stranger.list({ dealId: deal.id, limit: 9 })).toMatchObject({ items: [] });
    expect(await stranger.get(deal.id, '2026-11-22')).toBeUndefined();
    expect(await stranger.editions(items[0]?.id ?? '')).toEqual([]);
    expect(await stranger.deliveries(editions.map(({ id }) => id))).toEqual([]);
    await expect(
      Promise.resolve(
        createClient(world.url, world.publishableKey, {
          ...(world.fetch ? { global: { fetch: world.fetch } } : {}),
          accessToken: async () => ann.jwt,
        }).rpc('brief_facts', { p_deal: deal.id, p_window: JSON.stringify(untold()) }),
      ),
    ).resolves.toMatchObject({ data: null });
  });

  it('wait for whoever sends them: each goes to one sender, with all that is sent', async () => {
    const { db } = world;
    const deal = await dealIn(db, sendTo);
    const changes = changesOf(await factsIn(db, deal));
    await recorded(db, deal, changes);
    const ofDeal = (claims: Awaited<ReturnType<typeof db.briefs.claimDeliveries>>) => claims.filter(({ dealId }) => dealId === deal.id);
    const claim = randomUUID();
    const claims = await Promise.all([claim, randomUUID()].map((one) => db.briefs.claimDeliveries(one, { mail: true, webhook: false }, 100)));
    const taken = ofDeal(claims.flat());
    expect(taken.map(({ channel }) => channel).sort()).toEqual(['mail:ann@example.com', 'mail:bob@example.com']);
    expect(taken[0]).toMatchObject({
      editionId: changes.editionId,
      attempt: 1,
      deal: 'Project Falcon',
      date: '2026-11-22',
      edition: 1,
      markdown: '# A brief',
    });
    expect(ofDeal(await db.briefs.claimDeliveries(claim, { mail: true, webhook: false }, 100))).toEqual(ofDeal(claims[0] ?? []));
    expect(ofDeal(await db.briefs.claimDeliveries(randomUUID(), { mail: false, webhook: true }, 100))).toMatchObject([{ channel: 'webhook' }]);
  });

  it('that cannot be sent anywhere say so', async () => {
    const { db } = world;
    const deal = await dealIn(db, sendTo);
    const changes = changesOf(await factsIn(db, deal), { channels: { mail: false, webhook: false } });
    await recorded(db, deal, changes);
    const states = await db.briefs.deliveries([String(changes.editionId)]);
    expect(states.map(({ channel, status, error }) => `${channel} ${status}: ${error}`)).toEqual([
      'mail:ann@example.com failed: SMTP_URL is not set',
      'mail:bob@example.com failed: SMTP_URL is not set',
      'webhook failed: BRIEF_WEBHOOK_URL is not set',
    ]);
  });

  it('are tried again as often as they may, and not before their time', async () => {
    const { db } = world;
    const deal = await dealIn(db, { briefDelivery: { webhook: true } });
    const { editionId } = changesOf(await factsIn(db, deal));
    await recorded(db, deal, changesOf(await factsIn(db, deal), { editionId }));
    const claimed = async () => {
      const claim = randomUUID();
      const mine = (await db.briefs.claimDeliveries(claim, { mail: false, webhook: true }, 100)).filter((one) => one.dealId === deal.id);
      return { claim, attempts: mine.map(({ attempt }) => attempt) };
    };
    const told = { editionId: String(editionId), channel: 'webhook', outcome: 'again', error: 'away', most: 2 } as const;
    const first = await claimed();
    expect(await db.briefs.finishDelivery({ ...told, claim: randomUUID() })).toBeUndefined();
    expect(await db.briefs.finishDelivery({ ...told, claim: first.claim, retryMs: 0 })).toBe('pending');
    const second = await claimed();
    expect([first.attempts, second.attempts]).toEqual([[1], [2]]);
    expect(await db.briefs.finishDelivery({ ...told, claim: second.claim })).toBe('failed');
    expect(await db.briefs.finishDelivery({ ...told, claim: second.claim })).toBeUndefined();
    expect((await claimed()).attempts).toEqual([]);
  });

  it('that a sender took and never spoke of are given up as unknown, not sent again', async () => {
    const { db } = world;
    const deal = await dealIn(db, { briefDelivery: { webhook: true } });
    const changes = changesOf(await factsIn(db, deal));
    await recorded(db, deal, changes);
    const claim = randomUUID();
    const ways = { mail: false, webhook: true };
    await db.briefs.claimDeliveries(claim, ways, 100);
    const state = async () => (await db.briefs.deliveries([String(changes.editionId)]))[0];
    const age = async (minutes: number) => {
      const claimed_at = new Date(Date.now() - minutes * 60_000).toISOString();
      await client().from('brief_deliveries').update({ claimed_at }).eq('edition_id', changes.editionId).throwOnError();
      await db.briefs.claimDeliveries(randomUUID(), ways, 100);
    };
    await age(9);
    expect(await state()).toMatchObject({ status: 'sending' });
    await age(11);
    expect(await state()).toMatchObject({ status: 'failed', attempts: 1, error: expect.stringMatching(/^unknown/) });
    expect(
      await db.briefs.finishDelivery({ editionId: String(changes.editionId), channel: 'webhook', claim, outcome: 'sent', most: 3 }),
    ).toBeUndefined();
  });

  it('go with their deal', async () => {
    const { db } = world;
    const deal = await dealIn(db);
    const facts = await factsIn(db, deal);
    await client().from('deals').delete().eq('id', deal.id).throwOnError();
    expect(await db.briefs.facts(deal.id, untold())).toBeUndefined();
    expect(await recorded(db, deal, changesOf(facts))).toBe(false);
  });
});
