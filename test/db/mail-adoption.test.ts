/** A database that has cached messages of its own: they are kept, and read once more. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openLite } from '../../lib/db/lite.ts';
import { migrate } from '../../lib/db/migrate.ts';
import { migrationFiles } from '../../lib/db/migration-files.ts';
import type { Db } from '../../lib/db/types.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { fetching, newMessage } from './mail-samples.ts';

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
const ann = randomUUID();

async function withDb<T>(work: (db: Db) => Promise<T>): Promise<T> {
  const { db } = await openLite({ databaseUrl: url, timeoutMs: 20_000 });
  return work(db).finally(() => db.close());
}

/** What an app may have made of it: other types, no key, demands of its own, users who write. */
const OWN_TABLE = `
  create table public.message_cache (
    message_id varchar(32), user_id uuid, body text not null, internal_date bigint, history_id bigint, labels text[], subject varchar(20), received_at timestamp, created_at timestamptz
  );
  alter table public.message_cache enable row level security;
  create policy "Own messages" on public.message_cache for all using (auth.uid() = user_id);
  insert into public.message_cache (message_id, user_id, body, history_id, labels, subject, received_at) values
    ('m1', '${ann}', 'first', 1, '{INBOX}', 'Old', '2026-01-01 10:00'), ('m2', '${ann}', 'other', 2, null, null, null),
    ('m1', '${ann}', 'second', 9007199254740993, '{INBOX,Label_1}', 'Newer', '2026-01-01 10:00'), ('m1', null, 'nobody', 3, '{}', null, null);
`;

describe('cached messages of an older worker', () => {
  it('as 360Brief made them stay, are read once more, and are filled then', async () => {
    await rows(readFileSync(new URL('../seeds/old/001.sql', import.meta.url), 'utf8'));
    const userId = '00000000-0000-4000-8000-000000000001';
    const [before] = await rows('select id, user_id, message_id, subject from message_cache');
    await migrate({ databaseUrl: url });
    await withDb(async (db) => {
      expect((await db.messages.list({ userId, limit: 9 })).items).toMatchObject([
        { id: '18c2f0', subject: 'Lunch', fetchedAt: null, receivedAt: '1970-01-01T00:00:00.000Z', labels: [], threadId: '' },
      ]);
      expect(await db.mailboxes.cached(userId, ['18c2f0'])).toEqual(new Set());
      const { run, connection } = await fetching(db, { userId });
      const message = newMessage({ id: '18c2f0' });
      expect(await db.mailboxes.store(run, [message])).toBe(0);
      expect(await db.messages.get('18c2f0', userId)).toMatchObject({ ...message, connectionId: connection.id, fetchedAt: expect.any(String) });
      expect(await db.mailboxes.cached(userId, ['18c2f0'])).toEqual(new Set(['18c2f0']));
      expect(await db.connections.askForMailbox(connection.id, 'push')).toMatchObject({ outcome: 'queued' });
      expect(await db.connections.askForMailbox(connection.id, 'push')).toMatchObject({ outcome: 'waiting' });
      expect(await db.jobRows.get('analytics_jobs', run.jobId)).toMatchObject({ name: 'fetch_messages', payload: { connectionId: connection.id } });
    });
    expect(await rows('select id, user_id, message_id from message_cache')).toEqual([
      { id: before?.id, user_id: before?.user_id, message_id: before?.message_id },
    ]);
  });

  it('without a key, with columns of other types, stay, of equal ones the later', async () => {
    await rows(OWN_TABLE);
    await migrate({ databaseUrl: url });
    expect(await rows('select user_id, message_id, body, history_id, labels, received_at from message_cache order by user_id, message_id')).toEqual([
      {
        user_id: ann,
        message_id: 'm1',
        body: 'second',
        history_id: '9007199254740993',
        labels: ['INBOX', 'Label_1'],
        received_at: new Date('2026-01-01T10:00:00Z'),
      },
      { user_id: ann, message_id: 'm2', body: 'other', history_id: '2', labels: [], received_at: null },
      { user_id: null, message_id: 'm1', body: 'nobody', history_id: '3', labels: [], received_at: null },
    ]);
    await withDb(async (db) => {
      expect((await db.messages.list({ limit: 9 })).items.map(({ id, subject }) => [id, subject])).toEqual([
        ['m1', 'Newer'],
        ['m2', ''],
      ]);
      const { run } = await fetching(db, { userId: ann });
      const subject = 'A subject of more than twenty letters';
      expect(await db.mailboxes.store(run, [newMessage({ id: 'm1', subject }), newMessage({ id: 'm3' })])).toBe(1);
      expect(await db.messages.get('m1', ann)).toMatchObject({ subject, historyId: '1000' });
    });
    await expect(rows(`insert into message_cache (user_id, message_id) values ('${ann}', 'm2')`)).rejects.toMatchObject({ code: '23505' });
  });

  it('whose key the worker itself filled in take messages of ours', async () => {
    await rows(`create table public.message_cache (id text primary key, user_id uuid not null, message_id text not null, snippet text not null);
      insert into public.message_cache values ('${ann}-m1', '${ann}', 'm1', 'old')`);
    await migrate({ databaseUrl: url });
    await withDb(async (db) => {
      const { run } = await fetching(db, { userId: ann });
      expect(await db.mailboxes.store(run, [newMessage({ id: 'm1' }), newMessage({ id: 'm2' })])).toBe(1);
    });
    expect(await rows('select id from message_cache order by message_id')).toEqual([{ id: `${ann}-m1` }, { id: expect.any(String) }]);
  });

  it('are no longer written by users, whatever the old policies allow', async () => {
    await rows(OWN_TABLE);
    await migrate({ databaseUrl: url });
    await rows('grant all on message_cache to authenticated');
    await rows(`begin; set local role authenticated; set local request.jwt.claims = '{"sub": "${ann}", "role": "authenticated"}'`);
    expect(await rows('select message_id from message_cache order by 1')).toEqual([{ message_id: 'm1' }, { message_id: 'm2' }]);
    expect(await rows(`update message_cache set subject = 'x' returning 1`)).toEqual([]);
    expect(await rows('delete from message_cache returning 1')).toEqual([]);
    await expect(rows(`insert into message_cache (user_id, message_id) values ('${ann}', 'x')`)).rejects.toMatchObject({ code: '42501' });
    await rows('rollback');
  });

  it('with a column of ours that means something else stop the migration, naming it and changing nothing', async () => {
    await rows('create table public.message_cache (user_id uuid, message_id text, received_at bigint)');
    const failing = migrate({ databaseUrl: url });
    await expect(failing).rejects.toMatchObject({ code: 'migration_failed', message: expect.stringContaining('message_cache.received_at') });
    await rows('alter table public.message_cache rename received_at to old_received_at');
    await expect(migrate({ databaseUrl: url })).resolves.toMatchObject({ applied: expect.arrayContaining(['20261122000009_mail.sql']) });
  });
});

describe('the migration', () => {
  it('makes one unique index for messages, whether the table was there or not', async () => {
    const unique = async () =>
      (await rows(`select indexname from pg_indexes where tablename = 'message_cache' and indexdef like '%UNIQUE%message_id%'`)).map(
        ({ indexname }) => indexname,
      );
    await migrate({ databaseUrl: url });
    expect(await unique()).toEqual(['message_cache_pkey']);
  });

  it('can be applied again by hand, which changes nothing', async () => {
    await rows(OWN_TABLE);
    await migrate({ databaseUrl: url });
    const shape = () =>
      rows(`select (select jsonb_agg(to_jsonb(m) order by m.message_id, m.user_id) from message_cache m) as rows,
        (select jsonb_object_agg(oid::regprocedure::text, md5(prosrc) order by 1) from pg_proc where pronamespace = 'public'::regnamespace) as functions,
        (select jsonb_agg(indexdef order by indexname) from pg_indexes where schemaname = 'public') as indexes`);
    const before = await shape();
    const { migrations } = await migrationFiles();
    for (const { sql } of migrations) await rows(sql);
    expect(await shape()).toEqual(before);
  });
});
