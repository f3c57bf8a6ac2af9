import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLite } from '../../lib/db/lite.ts';
import { applyMigrations, migrate, runMigrateCommand } from '../../lib/db/migrate.ts';
import { migrationFiles } from '../../lib/db/migration-files.ts';
import { freePort } from '../support/port.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { signUp } from '../support/users.ts';
import { newStory } from './worlds.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

async function query(databaseUrl: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const files = async () => (await migrationFiles()).migrations.map(({ file }) => file);

describe('migrate', () => {
  it('makes a bare Postgres ready, says what it did, and has nothing to do the second time', async () => {
    const databaseUrl = await server.createDatabase();
    const lines: string[] = [];
    expect(await migrate({ databaseUrl, report: (line) => lines.push(line) })).toEqual({ bootstrapped: true, applied: await files() });
    expect(lines).toEqual(['applied bootstrap.sql (roles and auth functions)', ...(await files()).map((file) => `applied ${file}`)]);
    expect(await migrate({ databaseUrl })).toEqual({ bootstrapped: false, applied: [] });
    const ledger = await query(databaseUrl, 'select version from supabase_migrations.schema_migrations order by version');
    expect(ledger).toEqual((await migrationFiles()).migrations.map(({ version }) => ({ version })));
  });

  it('applies each file once when six run at the same time', async () => {
    const databaseUrl = await server.createDatabase();
    const results = await Promise.all(Array.from({ length: 6 }, () => migrate({ databaseUrl })));
    expect(results.flatMap(({ applied }) => applied).sort()).toEqual(await files());
    expect(results.filter(({ bootstrapped }) => bootstrapped)).toHaveLength(1);
  });

  it('bootstraps several databases of one server at the same time, whose roles are shared', async () => {
    const fresh = await startPostgres();
    try {
      const urls = await Promise.all([fresh.createDatabase(), fresh.createDatabase(), fresh.createDatabase()]);
      const results = await Promise.all(urls.map((databaseUrl) => migrate({ databaseUrl })));
      expect(results.map(({ applied }) => applied.length)).toEqual(urls.map(() => results[0]?.applied.length));
    } finally {
      await fresh.stop();
    }
  });

  it('leaves what is there alone when every file is applied again by hand', async () => {
    const databaseUrl = await server.createDatabase();
    await migrate({ databaseUrl });
    const { bootstrap, migrations } = await migrationFiles();
    await query(databaseUrl, "insert into public.stories (title) values ('kept')");
    await query(databaseUrl, [bootstrap, ...migrations.map(({ sql }) => sql)].join('\n'));
    expect(await query(databaseUrl, 'select title from public.stories')).toEqual([{ title: 'kept' }]);
  });

  it('adopts tables that a user already has, with their rows', async () => {
    const databaseUrl = await server.createDatabase();
    await query(
      databaseUrl,
      `create table public.stories (id uuid primary key default gen_random_uuid(), title varchar(255) not null, content text, hype_score numeric, extra int);
       insert into public.stories (title, content, hype_score, extra) values ('old', 'text', 8.5, 7);
       create table public.failed_jobs (id uuid primary key default gen_random_uuid(), error text);
       insert into public.failed_jobs (error) values ('one'), ('two');`,
    );
    await migrate({ databaseUrl });
    const { db } = await openLite({ databaseUrl });
    try {
      const { items } = await db.stories.list({ limit: 10 });
      expect(items).toMatchObject([{ title: 'old', hypeScore: 8.5, scoringStatus: 'local', localScores: { version: 'none', reasons: [] } }]);
      expect((await db.failedJobs.list({ limit: 10 })).items).toHaveLength(2);
    } finally {
      await db.close();
    }
  });

  it('serves stories and users on what was a bare Postgres, through lite in this process', async () => {
    const databaseUrl = await server.createDatabase();
    await migrate({ databaseUrl });
    const { db, ...lite } = await openLite({ databaseUrl });
    try {
      const user = await signUp(lite);
      const { id } = await db.stories.create(newStory({ userId: user.id }));
      expect(await db.forUser(user.jwt).stories.get(id)).toMatchObject({ userId: user.id });
      expect(await db.check()).toEqual({ missingMigrations: [] });
    } finally {
      await db.close();
    }
  });

  it('names the migrations that are missing: all of them on a bare database, later ones on an older one', async () => {
    const databaseUrl = await server.createDatabase();
    const { db } = await openLite({ databaseUrl });
    expect(await db.check()).toEqual({ missingMigrations: await files() });
    await expect(db.stories.list({ limit: 1 })).rejects.toMatchObject({ code: 'schema_missing', retryable: false });
    await db.close();
    const { bootstrap, migrations } = await migrationFiles();
    await query(databaseUrl, `${bootstrap}\n${migrations[0]?.sql}`);
    const older = await openLite({ databaseUrl });
    expect(await older.db.check()).toEqual({ missingMigrations: (await files()).slice(1) });
    await older.db.close();
  });

  it('changes nothing with a file that fails, and names it', async () => {
    const databaseUrl = await server.createDatabase();
    await query(databaseUrl, 'create view public.failed_jobs as select 1 as id');
    await expect(migrate({ databaseUrl })).rejects.toMatchObject({ code: 'migration_failed', details: { file: (await files())[1] } });
    expect(await query(databaseUrl, 'select count(*)::int as applied from supabase_migrations.schema_migrations')).toEqual([{ applied: 1 }]);
  });

  it('tells a server that is away from one that refuses', async () => {
    const away = `postgresql://postgres@127.0.0.1:${await freePort()}/postgres`;
    await expect(migrate({ databaseUrl: away })).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    const unknown = server.url.replace(/postgres$/, 'no_such_database');
    await expect(migrate({ databaseUrl: unknown })).rejects.toMatchObject({ code: 'database_refused', retryable: false });
  });

  it('runs as a command: exit code 0 and what it did, 1 and what to set', async () => {
    const lines: string[] = [];
    const write = (line: string) => lines.push(line);
    const databaseUrl = await server.createDatabase();
    expect(await runMigrateCommand({ databaseUrl }, write)).toBe(0);
    expect(await runMigrateCommand({ databaseUrl }, write)).toBe(0);
    expect(lines.at(-1)).toContain('nothing to do');
    expect(await runMigrateCommand({}, write)).toBe(1);
    expect(lines.at(-1)).toContain('DATABASE_URL');
  });

  it('rolls back and rethrows when a session breaks half-way', async () => {
    const seen: string[] = [];
    const broken = {
      run: async (sql: string) => seen.push(sql),
      rows: () => Promise.reject(new Error('connection reset')),
    };
    await expect(applyMigrations(broken)).rejects.toMatchObject({ code: 'unavailable' });
    expect(seen.at(-1)).toBe('rollback');
  });
});
