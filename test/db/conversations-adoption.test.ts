/** A database that has answers and themes of its own: they are kept, and what old code writes is found. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openLite } from '../../lib/db/lite.ts';
import { migrate } from '../../lib/db/migrate.ts';
import { migrationFiles } from '../../lib/db/migration-files.ts';
import type { Db } from '../../lib/db/types.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { analysed, everythingOf, newTheme, placed } from './conversation-samples.ts';

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
});
afterEach(() => client.end());

const rows = async (text: string, values: unknown[] = []) => (await client.query(text, values)).rows;
const talk = randomUUID();
const ann = randomUUID();

async function withDb<T>(work: (db: Db) => Promise<T>): Promise<T> {
  const { db } = await openLite({ databaseUrl: url, timeoutMs: 20_000 });
  return work(db).finally(() => db.close());
}

const OLD_CONVERSATIONS = `
  create table public.conversations (id uuid primary key, title text, created_by uuid, analysis_status text default 'idle', updated_at timestamptz default now());
  insert into public.conversations values ('${talk}', 'talk', '${ann}', 'idle', '2026-01-01');
`;

/** As an app may have made them by hand: other names, other types, demands that we know nothing of, policies that let users write. */
const OLD_TABLES = `
  create type public.mood as enum ('positive', 'neutral', 'negative');
  create table public.conversation_themes (
    id uuid primary key default gen_random_uuid(), conversation_id uuid references public.conversations (id) on delete cascade,
    name varchar(20) not null, description text, keywords text[], sentiment public.mood, size integer, cluster_index integer not null, created_at timestamptz
  );
  create table public.conversation_responses (
    id uuid primary key default gen_random_uuid(), conversation_id uuid not null references public.conversations (id) on delete cascade,
    response_text text not null, respondent text not null, x real, y real, created_at timestamptz
  );
  alter table public.conversation_responses enable row level security;
  create policy "Anyone may answer" on public.conversation_responses for insert with check (true);
  insert into public.conversation_themes (conversation_id, name, keywords, sentiment, size, cluster_index) values ('${talk}', 'Wages', '{pay,raise}', 'negative', null, 0);
  insert into public.conversation_responses (conversation_id, response_text, respondent, created_at) values
    ('${talk}', 'third', 'c', '2026-01-03'), ('${talk}', 'first', 'a', '2026-01-01'), ('${talk}', 'second', 'b', '2026-01-02');
`;

describe('answers and themes that were there', () => {
  beforeEach(async () => {
    await rows(OLD_CONVERSATIONS + OLD_TABLES);
    await migrate({ databaseUrl: url });
  });

  it('are kept, read in the order in which they came, and belong to whoever made the conversation', async () => {
    const found = await withDb((db) => everythingOf(db, talk));
    expect(found.conversation).toMatchObject({ title: 'talk', userId: ann, analysisStatus: 'idle', updatedAt: '2026-01-01T00:00:00.000Z' });
    expect(found.answers).toMatchObject([{ text: 'first' }, { text: 'second' }, { text: 'third' }]);
    expect(found.themes).toMatchObject([
      {
        name: 'Wages',
        description: '',
        keywords: [
          { term: 'pay', score: 0 },
          { term: 'raise', score: 0 },
        ],
        sentiment: 'negative',
        size: 0,
      },
    ]);
    expect(await rows('select respondent, response_text from conversation_responses order by position')).toEqual([
      { respondent: 'a', response_text: 'first' },
      { respondent: 'b', response_text: 'second' },
      { respondent: 'c', response_text: 'third' },
    ]);
  });

  it('are analysed: new themes take the place of the old, with words and lengths that the old columns had no room for', async () => {
    await withDb(async (db) => {
      const { answers } = await everythingOf(db, talk);
      const theme = newTheme(0, { name: 'A name of more than twenty letters', sentiment: 'mixed' });
      await analysed(db, talk, { themes: [theme], answers: answers.map(({ id }) => placed(id, 0, { x: 0.1 })) });
      const saved = await everythingOf(db, talk);
      expect(saved.themes).toMatchObject([theme]);
      expect(saved.answers.map(({ themeId, x }) => [themeId, x])).toEqual([0, 1, 2].map(() => [theme.id, 0.1]));
    });
  });

  it('are joined by what old code writes and by what is imported, each under both names', async () => {
    await rows(`insert into conversation_responses (conversation_id, response_text, respondent) values ('${talk}', 'by old code', 'd')`);
    await withDb((db) => db.conversations.addAnswers(talk, [{ text: 'by import' }]));
    await rows(`update conversation_responses set response_text = 'changed by old code' where text = 'first'`);
    await rows(`update conversation_responses set text = 'changed by us' where text = 'second'`);
    expect(await rows('select text, response_text from conversation_responses order by position')).toEqual(
      ['changed by old code', 'changed by us', 'third', 'by old code', 'by import'].map((text) => ({ text, response_text: text })),
    );
  });

  it('can be migrated again by hand, which changes nothing', async () => {
    const before = await withDb((db) => everythingOf(db, talk));
    const { migrations } = await migrationFiles();
    for (const { sql } of migrations) await rows(sql);
    expect(await withDb((db) => everythingOf(db, talk))).toEqual(before);
  });

  it('are no longer written by users, whatever the old policies allow', async () => {
    await rows('grant insert, update, delete on conversation_responses to authenticated');
    await rows('begin; set local role authenticated');
    const insert = rows(`insert into conversation_responses (conversation_id, response_text) values ('${talk}', 'x')`);
    await expect(insert).rejects.toMatchObject({ code: '42501' });
    await rows('rollback');
  });
});

describe('an adopted table', () => {
  const adopt = async (sql: string) => {
    await rows(OLD_CONVERSATIONS + sql);
    return migrate({ databaseUrl: url });
  };

  it.each([
    ['two columns that may hold the answers', 'content text, comment text', `'a', 'b'`],
    ['none', 'words text[], score integer', `'{a}', 1`],
  ])('with %s keeps them, and its answers are empty until somebody says which', async (_what, columns, values) => {
    await adopt(`create table public.conversation_responses (id uuid primary key default gen_random_uuid(), conversation_id uuid, ${columns});
      insert into public.conversation_responses values (default, '${talk}', ${values});`);
    expect(await withDb((db) => db.conversations.answers(talk, { after: 0, limit: 9 }))).toMatchObject([{ text: '' }]);
  });

  it('whose answers stand in `text` already needs nothing, and nulls are empty answers', async () => {
    await adopt(`create table public.conversation_responses (id uuid primary key default gen_random_uuid(), conversation_id uuid, text varchar(9), content text);
      insert into public.conversation_responses values (default, '${talk}', 'words', 'other'), (default, '${talk}', null, 'other');`);
    const found = await withDb((db) => db.conversations.answers(talk, { after: 0, limit: 9 }));
    expect(found.map(({ text }) => text).sort()).toEqual(['', 'words']);
  });

  it.each([
    ['conversation_responses', 'position jsonb', 'position'],
    ['conversation_responses', 'position integer', 'position'],
    ['conversation_responses', 'theme_id integer', 'theme_id'],
    ['conversation_themes', 'keywords integer', 'keywords'],
    ['embedding_cache', 'embedding real[]', 'embedding'],
  ])('%s with a column of ours that means something else (%s) stops the migration, naming it and changing nothing', async (table, column, name) => {
    const conversation = table === 'embedding_cache' ? '' : 'conversation_id uuid,';
    const adopting = adopt(`create table public.${table} (id uuid primary key default gen_random_uuid(), ${conversation} ${column});`);
    await expect(adopting).rejects.toMatchObject({ code: 'migration_failed', message: expect.stringContaining(`${table}.${name}`) });
    await rows(`alter table public.${table} rename ${name} to old_${name}`);
    await expect(migrate({ databaseUrl: url })).resolves.toMatchObject({ applied: expect.arrayContaining(['20261122000008_conversations.sql']) });
  });

  it('conversation_themes whose rule for sentiments lacks `mixed` takes it all the same', async () => {
    await adopt(`create table public.conversation_themes (id uuid primary key default gen_random_uuid(), conversation_id uuid,
      sentiment text not null check (sentiment in ('positive', 'neutral', 'negative')));`);
    await withDb((db) => analysed(db, talk, { themes: [newTheme(0, { sentiment: 'mixed' })] }));
    expect(await rows('select sentiment from conversation_themes')).toEqual([{ sentiment: 'mixed' }]);
  });

  it('embedding_cache without a key gets one', async () => {
    await adopt(
      'create table public.embedding_cache (id bigserial primary key, note text); insert into public.embedding_cache (note) values (null);',
    );
    await withDb(async (db) => {
      const embedding = { hash: 'a', vector: new Float32Array([1, 0]) };
      await db.embeddings.store('m', [embedding]);
      await db.embeddings.store('m', [embedding]);
      expect((await db.embeddings.find('m', ['a'])).get('a')).toEqual(embedding.vector);
    });
    expect(await rows('select count(*)::int as n from embedding_cache')).toEqual([{ n: 2 }]);
  });
});
