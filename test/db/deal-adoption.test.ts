/** A database that has deals, documents, e-mails and briefs of its own: they are kept, seen by their owners, and worked on. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { openLite } from '../../lib/db/lite.ts';
import { migrate } from '../../lib/db/migrate.ts';
import { migrationFiles } from '../../lib/db/migration-files.ts';
import type { Db } from '../../lib/db/types.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { newDeal, newDocument, newEmail, newReading, perform } from './deal-samples.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

let url: string;
let client: pg.Client;
beforeEach(async () => {
  url = await server.createDatabase();
  client = new pg.Client({ connectionString: url });
  await client.connect();
  await rows(readFileSync(new URL('../../supabase/bootstrap.sql', import.meta.url), 'utf8'));
});
afterEach(() => client.end());

const rows = async (text: string, values: unknown[] = []) => (await client.query(text, values)).rows;
const [ann, bob, deal, other] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];

async function withDb<T>(work: (db: Db) => Promise<T>): Promise<T> {
  const { db } = await openLite({ databaseUrl: url, timeoutMs: 20_000 });
  return work(db).finally(() => db.close());
}

/** What an app may have made of them: words, demands, types and duplicates of its own. */
const OWN_TABLES = `
  create type deal_phase as enum ('sourcing', 'active');
  create table deals (id uuid primary key, title varchar(80) not null, owner_id uuid not null, status deal_phase not null default 'sourcing', created_at timestamp);
  create table deal_members (id bigint generated always as identity primary key, deal_id uuid, user_id uuid, role text not null check (role in ('lead', 'analyst')));
  create type document_state as enum ('uploaded', 'parsed');
  create table documents (
    id uuid primary key, deal_id uuid not null references deals (id) on delete cascade, name varchar(20) not null, file_url text not null, status document_state not null,
    workstream text check (workstream in ('Legal', 'Tax')), pages numeric, key_points text[], summary text, created_at timestamptz default now()
  );
  create table document_chunks (id bigserial primary key, document_id uuid not null, content text not null, embedding double precision[]);
  create table emails (
    id uuid primary key default gen_random_uuid(), deal_id uuid, message_id text not null, body text not null, sentiment numeric, recipients text[], sent_at timestamp, thread_id bigint
  );
  create table daily_briefs (id uuid primary key, deal_id uuid not null, date date not null, content text not null, created_at timestamptz default now());
  insert into deals values ('${deal}', 'Falcon', '${ann}', 'sourcing', null), ('${other}', 'Hawk', '${ann}', 'active', '2026-01-01');
  insert into deal_members (deal_id, user_id, role) values ('${other}', '${bob}', 'lead');
  insert into documents values ('${deal}', '${deal}', 'Old.pdf', 'https://x', 'parsed', 'Legal', 3, '{one,two}', 'Old summary', null);
  insert into document_chunks (document_id, content) values ('${deal}', 'their text');
  insert into emails (deal_id, message_id, body, sentiment, recipients, sent_at, thread_id) values
    ('${deal}', '<1>', 'Hello', 0.5, '{a@example.com}', '2026-01-01 10:00', 7), ('${deal}', '<1>', 'Hello', null, null, null, null), (null, '<2>', 'x', null, null, null, null);
  insert into daily_briefs values (gen_random_uuid(), '${deal}', '2026-01-01', 'first', '2026-01-01 08:00Z'), (gen_random_uuid(), '${deal}', '2026-01-01', 'second', '2026-01-01 18:00Z');
  alter table documents enable row level security;
  create policy "Owners write" on documents for all using (true);
`;

it('deals, documents, e-mails and briefs of an app stay as they are, and are read', async () => {
  await rows(OWN_TABLES);
  await migrate({ databaseUrl: url });
  await withDb(async (db) => {
    expect(await db.deals.get(deal)).toMatchObject({ status: 'paused', timeZone: null, briefDelivery: {} });
    expect(await db.deals.get(other)).toMatchObject({ status: 'active', createdAt: '2026-01-01T00:00:00.000Z' });
    expect(await db.documents.get(deal)).toMatchObject({
      name: 'Old.pdf',
      status: 'stored',
      workstream: null,
      pages: 3,
      keyPoints: [],
      summary: 'Old summary',
      version: 1,
    });
    expect((await db.documents.list({ limit: 9 })).items).toHaveLength(1);
    expect(await db.documents.chunks(deal)).toEqual([]);
    expect((await db.emails.list({ limit: 9 })).items).toHaveLength(3);
    expect(await db.emails.thread(deal, '7')).toMatchObject([{ sentiment: '0.5', recipients: [], sentAt: '2026-01-01T10:00:00.000Z', text: '' }]);
  });
  expect(await rows('select title, status from deals order by title')).toEqual([
    { title: 'Falcon', status: 'sourcing' },
    { title: 'Hawk', status: 'active' },
  ]);
  expect(await rows('select file_url, status, workstream, key_points from documents')).toEqual([
    { file_url: 'https://x', status: 'parsed', workstream: 'Legal', key_points: ['one', 'two'] },
  ]);
  expect(await rows('select content, report from daily_briefs order by created_at')).toEqual([
    { content: 'first', report: 'daily-2' },
    { content: 'second', report: 'daily' },
  ]);
});

it('what an app demands of its own columns does not stand in the way of ours', async () => {
  await rows(OWN_TABLES);
  await migrate({ databaseUrl: url });
  await withDb(async (db) => {
    const made = await db.deals.create(newDeal({ name: 'Ours' }), ann);
    await db.deals.addMember(made.id, bob, 'member');
    await db.deals.addMember(made.id, bob, 'reader');
    expect(await db.deals.members(made.id)).toMatchObject([{ role: 'owner' }, { role: 'reader' }]);
    const { document } = await db.documents.create(newDocument(made, { name: 'A name of more than twenty letters.pdf' }), {});
    await perform(db, document, 'ingest', newReading());
    expect(await db.documents.chunks(document.id)).toHaveLength(2);
    await perform(db, document, 'classify', { workstream: 'legal', documentType: 'agreement', confidence: 0.5 });
    expect(await db.documents.get(document.id)).toMatchObject({ status: 'processing', workstream: 'legal' });
    // Theirs can be read as well; their own text of it stays.
    await db.documents.ask(deal, ['ingest']);
    await perform(db, { id: deal, dealId: deal }, 'ingest', newReading());
    expect(await db.documents.chunks(deal)).toHaveLength(2);
    expect(await db.emails.create(newEmail({ id: deal }, { messageId: '<1>' }))).toMatchObject({ outcome: 'known' });
    const { email } = await db.emails.create(newEmail(made));
    await perform(db, email, 'analyze_sentiment', { label: 'neutral', score: 0, urgency: 'low' });
    expect(await db.emails.get(email.id)).toMatchObject({ sentiment: 'neutral' });
    // A mail of no deal.
    const [stray] = await rows('select id from emails where deal_id is null');
    expect(await db.emails.ask(stray?.id, ['analyze_sentiment'])).toBeUndefined();
    expect(await db.documents.remove(deal)).toMatchObject({ dealId: deal, storagePath: null });
  });
  expect(await rows('select content from document_chunks where content is not null')).toEqual([{ content: 'their text' }]);
  // As the app goes on doing it.
  await rows(`insert into deals (id, title, owner_id) values (gen_random_uuid(), 'Osprey', '${bob}')`);
  expect(await rows(`select user_id, role from deal_members m join deals d on d.id = m.deal_id where d.title = 'Osprey'`)).toEqual([
    { user_id: bob, role: 'owner' },
  ]);
});

it('deals are seen by those who own them, and by the members of those that have some; users write none of it', async () => {
  await rows(OWN_TABLES);
  await migrate({ databaseUrl: url });
  const as = async (user: string, text: string) => {
    await rows(`begin; set local role authenticated; set local request.jwt.claims = '{"sub": "${user}", "role": "authenticated"}'`);
    return rows(text).finally(() => rows('rollback'));
  };
  expect(await as(ann, 'select title from deals')).toEqual([{ title: 'Falcon' }]);
  expect(await as(bob, 'select title from deals')).toEqual([{ title: 'Hawk' }]);
  expect(await as(ann, 'select count(*)::int from emails')).toEqual([{ count: 2 }]);
  expect(await as(bob, 'select count(*)::int from emails')).toEqual([{ count: 0 }]);
  expect(await as(ann, `select content from daily_briefs where report = 'daily'`)).toEqual([{ content: 'second' }]);
  await rows('grant all on documents to authenticated');
  expect(await as(ann, `update documents set name = 'x' returning 1`)).toEqual([]);
  await expect(as(ann, `insert into documents (id, deal_id, name) values (gen_random_uuid(), '${deal}', 'x')`)).rejects.toMatchObject({
    code: '42501',
  });
});

it('a column of ours that means something else stops the migration, naming it and changing nothing', async () => {
  await rows('create table deals (id bigint primary key, name text)');
  await expect(migrate({ databaseUrl: url })).rejects.toMatchObject({ code: 'migration_failed', message: expect.stringContaining('deals.id') });
  expect(await rows('select column_name from information_schema.columns where table_name = $1', ['deals'])).toHaveLength(2);
});

it('the migration can be applied again by hand, which changes nothing', async () => {
  await rows(OWN_TABLES);
  await migrate({ databaseUrl: url });
  const shape = () =>
    rows(`select (select jsonb_agg(to_jsonb(d) order by d.id) from deals d) as deals, (select jsonb_agg(to_jsonb(b) order by b.id) from daily_briefs b) as briefs,
      (select jsonb_agg(to_jsonb(m) order by m.deal_id) from deal_members m) as members,
      (select jsonb_object_agg(oid::regprocedure::text, md5(prosrc) order by 1) from pg_proc where pronamespace = 'public'::regnamespace) as functions,
      (select jsonb_agg(indexdef order by indexname) from pg_indexes where schemaname = 'public') as indexes,
      (select jsonb_agg(tablename || policyname || coalesce(qual, '') order by tablename, policyname) from pg_policies) as policies`);
  const before = await shape();
  const { migrations } = await migrationFiles();
  for (const { version, sql } of migrations) if (version >= '20261122000010') await rows(sql);
  expect(await shape()).toEqual(before);
});
