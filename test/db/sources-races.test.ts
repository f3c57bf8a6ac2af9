/** Several connections at the sources of one deal: nothing twice, nothing lost, and nobody waits for another in a circle. And a database that has sources of its own. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openLite } from '../../lib/db/lite.ts';
import { migrate } from '../../lib/db/migrate.ts';
import type { DealSource } from '../../lib/db/source-types.ts';
import type { Db } from '../../lib/db/types.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { begin, newDeal, newEmail, newReading, record, stepOf, type Work } from './deal-samples.ts';
import { newConnection } from './mail-samples.ts';
import { addSource, file, listed, mail, newRoom, runOf, synced } from './source-samples.ts';

let server: PostgresServer;
let db: Db;
let plain: pg.Pool;
beforeAll(async () => {
  server = await startPostgres({ migrated: true });
  ({ db } = await openLite({ databaseUrl: server.url, timeoutMs: 20_000 }));
  plain = new pg.Pool({ connectionString: server.url, max: 6 });
});
afterAll(async () => {
  await plain.end();
  await db.close();
  await server.stop();
});

const rows = async (text: string, values: unknown[] = []) => (await plain.query(text, values)).rows;
const deadlocks = async () => (await rows('select deadlocks from pg_stat_database where datname = current_database()'))[0]?.deadlocks;
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_unused, index) => make(index));

async function somebodyWaits(count = 1): Promise<void> {
  while ((await rows(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).length < count);
}

async function withHolder<T>(work: (holder: pg.PoolClient) => Promise<T>): Promise<T> {
  const holder = await plain.connect();
  return work(holder).finally(() => holder.release());
}

/** First comes so far, until it waits for `lock`; then second; then the lock is given back. */
async function meet(lock: string, values: unknown[], first: () => Promise<unknown>, second: () => Promise<unknown>): Promise<unknown[]> {
  return withHolder(async (holder) => {
    await holder.query('begin');
    await holder.query(lock, values);
    const one = first();
    await somebodyWaits();
    const two = second();
    await somebodyWaits(2);
    await holder.query('rollback');
    return Promise.all([one, two]);
  });
}

it('of several runs that take a source at once one holds it', async () => {
  const { source } = await newRoom(db);
  const runs = times(6, () => runOf(db, source));
  await Promise.all(runs.map((run) => run.begin('full')));
  const applied = await Promise.all(runs.map((run) => run.apply(file('a'))));
  expect(applied.filter((one) => one !== undefined)).toHaveLength(1);
  expect((await db.documents.list({ dealId: source.dealId, limit: 9 })).items).toHaveLength(1);
  expect(await rows(`select status from source_syncs where source_id = $1 and status = 'running'`, [source.id])).toHaveLength(1);
});

it('a mail that is edited, and the blocker of its thread that is recorded, do not wait for each other in a circle', async () => {
  const { source } = await newRoom(db, { sourceType: 'outlook' });
  await synced(db, source, [mail('m')]);
  const [email] = (await db.emails.list({ dealId: source.dealId, limit: 1 })).items;
  const work = stepOf({ id: email?.id ?? '', dealId: source.dealId }, 'detect_blocker');
  await begin(db, work);
  const run = runOf(db, source);
  await run.begin();
  const before = await deadlocks();
  // It waits for its step, with the mail in its hands.
  await meet(
    'select from deal_steps where key = $1 for update',
    [email?.id],
    () => record(db, work, { threadId: 'thread', threadSize: 1, blocker: { status: 'open', summary: 's', items: [] } }),
    () => run.apply(mail('m', { version: 'v2', email: { text: 'Edited' } })),
  );
  expect(await deadlocks()).toBe(before);
  expect(await db.emails.get(email?.id ?? '')).toMatchObject({ text: 'Edited' });
});

it('a document that somebody removes while its source changes it is gone, and its item knows', async () => {
  const { source } = await newRoom(db);
  await synced(db, source, [file('a'), file('b')]);
  const documents = (await db.documents.list({ dealId: source.dealId, limit: 9 })).items;
  // Documents are taken in the order of their ids.
  const [low, high] = documents.toSorted((one, two) => (one.id < two.id ? -1 : 1));
  const run = runOf(db, source);
  await run.begin();
  const before = await deadlocks();
  await meet(
    'select from documents where id = $1 for update',
    [high?.id],
    () => run.apply(file('b', { version: 'v2' }), file('a', { version: 'v2' })),
    () => rows('delete from documents where id = $1', [low?.id]),
  );
  expect(await deadlocks()).toBe(before);
  const items = (await db.dealSources.items({ sourceId: source.id, limit: 9 })).items;
  expect(items.map(({ documentId }) => documentId).toSorted()).toEqual([high?.id, null]);
  expect(items.find(({ documentId }) => documentId === null)?.ref).toBe(low?.sourceRef);
});

it('an account that is disconnected while sources take it, and change, leaves them without it', async () => {
  const { deal, source } = await newRoom(db);
  const before = await deadlocks();
  for (let round = 0; round < 5; round += 1) {
    const { id } = await db.connections.save(newConnection());
    await db.dealSources.change(source.id, { connectionId: id });
    await Promise.allSettled([
      db.connections.remove(id, { keepMessages: true }),
      db.dealSources.change(source.id, { connectionId: id }),
      addSource(db, deal, { connectionId: id }),
      runOf(db, source).begin(),
    ]);
  }
  expect(await deadlocks()).toBe(before);
  expect(
    await rows(
      'select from deal_sources s where connection_id is not null and deal_id = $1 and not exists (select from oauth_connections c where c.id = s.connection_id)',
      [deal.id],
    ),
  ).toEqual([]);
});

it('everything at once ends, without one deadlock, and all that sources have stands once', async () => {
  const before = await deadlocks();
  let seed = 11;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const { deal, source: first } = await newRoom(db, { sourceType: 'outlook' });
  const sources: DealSource[] = [first, await addSource(db, deal, { sourceType: 'outlook' }), await addSource(db, deal)];
  await Promise.all(
    sources.map((source) =>
      db.dealSources.setWatch(source.id, { id: source.id, secretHash: 'h', resource: null, expiresAt: '2030-01-01T00:00:00Z' }),
    ),
  );
  const runs = sources.map((source) => runOf(db, source));
  await Promise.all(runs.map((run) => run.begin('full')));
  const held: Work[] = [];
  const anyMail = () => mail(`m${random(8)}`, { version: `v${random(3)}` });
  const anyFile = () => file(`f${random(8)}`, { version: `v${random(3)}` });
  /** Each once: an engine's page names no item twice. */
  const some = <T extends { ref: string }>(make: () => T) => [...new Map(times(4, make).map((item) => [item.ref, item])).values()];
  const document = async () => pick((await db.documents.list({ dealId: deal.id, limit: 9 })).items);
  const email = async () => pick((await db.emails.list({ dealId: deal.id, limit: 9 })).items);
  const rerun = async () => {
    const at = random(runs.length);
    const run = runOf(db, sources[at] as DealSource);
    await run.begin(pick(['full', 'incremental']));
    runs[at] = run;
  };
  const kinds: (() => Promise<unknown>)[] = [
    () => pick(runs).apply(...some(anyMail), ...some(anyFile)),
    () => pick(runs).apply(...some(anyMail), ...some(anyFile)),
    () => pick(runs).apply(...some(() => ({ ...listed(`f${random(8)}`, { name: `n${random(3)}` }), outcome: 'meta' as const }))),
    () => pick(runs).apply(...some(() => ({ ...listed(`f${random(8)}`, { skip: 'x' }), outcome: 'skipped' as const }))),
    () => pick(runs).plan(...some(() => listed(`f${random(8)}`))),
    () => pick(runs).turn({ complete: random(2) === 0, deletes: some(() => ({ ref: `${pick(['f', 'm'])}${random(8)}` })) }),
    () => pick(runs).turn({ complete: random(2) === 0, deletes: some(() => ({ ref: `${pick(['f', 'm'])}${random(8)}` })) }),
    rerun,
    () => (random(3) === 0 ? pick(runs).end({ status: pick(['succeeded', 'failed', 'retrying'] as const), error: 'x' }) : pick(runs).restart()),
    () => db.sourceRuns.endJob(pick(runs).jobId, { status: 'failed', error: 'Stalled' }),
    () => db.dealSources.ask(pick(sources).id, pick(['full', 'incremental'] as const), { jobSuffix: `${random(3)}` }),
    () => db.dealSources.notice({ watchId: pick(sources).id, secretHash: 'h', key: `${random(999)}` }),
    () => db.dealSources.poll({ limit: 9, now: new Date(Date.now() + 9_999_999).toISOString() }),
    () => db.dealSources.change(pick(sources).id, { paused: random(4) === 0, settings: { folderId: `${random(2)}` } }),
    async () => db.documents.remove((await document())?.id ?? ''),
    () => db.emails.create(newEmail(deal, { messageId: `<m${random(8)}@example.com>`, threadId: 'thread' })),
    () => begun(),
    () => begun(),
    () => recorded(),
    () => recorded(),
    () => relayed(),
    () => relayed(),
    async () => db.dealSteps.resend((await db.dealSteps.unfinished({ before: '2030-01-01T00:00:00Z', limit: 20 })).toSorted(() => random(3) - 1)),
  ];

  async function begun(): Promise<void> {
    const [row, operation] =
      random(2) === 0 ? [await document(), pick(['ingest', 'classify'])] : [await email(), pick(['detect_blocker', 'analyze_sentiment'])];
    if (!row) return;
    const work = stepOf({ id: row.id, dealId: deal.id }, operation);
    await begin(db, work, { hash: `${random(9)}` });
    held.push(work);
  }
  async function recorded(): Promise<unknown> {
    const work = held.splice(random(held.length), 1)[0];
    if (!work) return undefined;
    const blocker = { threadId: 'thread', threadSize: 99, blocker: pick([null, { status: 'open', summary: `${random(9)}`, items: [] }]) };
    return record(db, work, { ingest: newReading(), detect_blocker: blocker }[work.operation] ?? { label: 'neutral', score: 0, urgency: 'low' });
  }
  async function relayed(): Promise<void> {
    const kindsOf = ['sync', 'ingest', 'classify', 'detect_blocker', 'analyze_sentiment'].map((name) => ({
      queue: { sync: 'source-sync', ingest: 'document-processing', classify: 'document-processing' }[name] ?? 'email-processing',
      name,
    }));
    const claimed = await db.outbox.claim({ kinds: kindsOf, limit: 4, leaseMs: 50 });
    await db.outbox.finish(
      claimed.map(({ id, asked, jobId }) => ({ id, asked, ended: pick(['sent', 'merged'] as const), jobId: pick([jobId, `merged-${random(3)}`]) })),
    );
  }

  const problems: string[] = [];
  for (let round = 0; round < 14; round += 1) {
    const work = times(20, () => pick(kinds)());
    if (round === 11) work.push(db.dealSources.remove(sources[1]?.id ?? '', { keep: false }));
    for (const outcome of await Promise.allSettled(work)) if (outcome.status === 'rejected') problems.push(String(outcome.reason));
  }
  expect(problems).toEqual([]);
  expect(await deadlocks()).toBe(before);
  expect(
    await rows('select source, source_ref from documents where deal_id = $1 and source_ref is not null group by 1, 2 having count(*) > 1', [deal.id]),
  ).toEqual([]);
  expect(await rows('select message_id from emails where deal_id = $1 group by 1 having count(*) > 1', [deal.id])).toEqual([]);
  // Nothing of a source is left that no item has.
  const stray = `select name from documents d where deal_id = $1 and not exists (select from source_items i where i.document_id = d.id)`;
  expect(await rows(stray, [deal.id])).toEqual([]);
});

it('sources and syncs of an app are kept, in words and columns of their own, and ours work beside them', async () => {
  const url = await server.createDatabase();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const query = async (text: string) => (await client.query(text)).rows;
  const [deal, own] = [randomUUID(), randomUUID()];
  try {
    await query(readFileSync(new URL('../../supabase/bootstrap.sql', import.meta.url), 'utf8'));
    await query(`
      create type source_state as enum ('connected', 'broken');
      create table deals (id uuid primary key, name text);
      create table deal_sources (
        id uuid primary key, deal_id uuid references deals (id) on delete cascade, source_type varchar(20) not null, status source_state not null, folder text not null,
        name varchar(40), settings json, paused boolean
      );
      create table source_syncs (
        id uuid primary key default gen_random_uuid(), source_id uuid, sync_type text check (sync_type in ('delta', 'full')), status text not null, pages bigint, started_at timestamp
      );
      insert into deals values ('${deal}', 'Falcon');
      insert into deal_sources values ('${own}', '${deal}', 'gdrive', 'connected', 'Contracts', null, '{"folderId": "f"}', null),
        (gen_random_uuid(), '${deal}', 'dropbox', 'broken', 'x', 'Box', null, null);
      insert into source_syncs (source_id, sync_type, status, pages, started_at) values ('${own}', 'delta', 'done', 3, '2026-01-01'), ('${own}', 'delta', 'done', null, null);
    `);
    await migrate({ databaseUrl: url });
    const { db: theirs } = await openLite({ databaseUrl: url, timeoutMs: 20_000 });
    const source = await theirs.dealSources.get(own);
    expect(source).toMatchObject({ sourceType: 'gdrive', status: 'idle', name: '', settings: { folderId: 'f' }, paused: false, connectionId: null });
    expect(await theirs.dealSources.list({ dealId: deal })).toHaveLength(1);
    expect((await theirs.dealSources.syncs({ sourceId: own, limit: 9 })).items).toHaveLength(2);
    const { id: connectionId } = await theirs.connections.save(newConnection());
    await theirs.dealSources.change(own, { connectionId });
    expect(await theirs.dealSources.poll({ limit: 9 })).toBe(1);
    await synced(theirs, { id: own }, [file('a')]);
    expect(await theirs.dealSources.get(own)).toMatchObject({ status: 'idle', syncedAt: expect.any(String) });
    const made = await addSource(theirs, await theirs.deals.create(newDeal(), null), { connectionId });
    expect([made.status, await theirs.dealSources.poll({ limit: 9 })]).toEqual(['idle', 1]);
    await theirs.close();
    expect(await query(`select folder, status from deal_sources where folder is not null order by folder`)).toEqual([
      { folder: 'Contracts', status: 'idle' },
      { folder: 'x', status: 'broken' },
    ]);
  } finally {
    await client.end();
  }
});
