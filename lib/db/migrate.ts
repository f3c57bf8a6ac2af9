/**
 * Applies `supabase/bootstrap.sql` (where something of it is missing) and the pending files of `supabase/migrations/`.
 * The ledger is Supabase's own table, so that `supabase db push` and this agree on what has been applied.
 * Any number may run at once: each step is one transaction under one advisory lock, which poolers in transaction mode support too.
 */
import { z } from 'zod';
import { messageOf, PermanentError, UnavailableError } from '../errors.ts';
import { type MigrationFile, migrationFiles } from './migration-files.ts';

/** One connection, not shared while migrations run. */
export interface SqlSession {
  /** Any number of statements. */
  run(sql: string): Promise<unknown>;
  rows(sql: string, parameters?: unknown[]): Promise<unknown[]>;
}

export interface Migrated {
  /** Whether the roles or the `auth` functions had to be made. */
  bootstrapped: boolean;
  /** File names, in the order applied. */
  applied: string[];
}

export interface MigrateOptions {
  databaseUrl: string;
  /** Told of each step. */
  report?: (line: string) => void;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** Any number, the same in all versions. */
const LOCK_KEY = 4_871_236_501;
/** Two minutes for another's migration to end: more means that it hangs. */
const LOCK_TIMEOUT = '120s';

/** Throws `UnavailableError` when the server cannot be reached, `PermanentError` (`migration_failed`, naming the file) when the SQL fails: then that file changed nothing. */
export async function migrate({ databaseUrl, report = () => {} }: MigrateOptions): Promise<Migrated> {
  return withSession(databaseUrl, (session) => applyMigrations(session, report));
}

/** Runs `work`, which makes tables over connections of its own, while no other process migrates or does the same. Errors as those of `migrate`. */
export async function whileNobodyMigrates<T>(databaseUrl: string, what: string, work: () => Promise<T>): Promise<T> {
  return withSession(databaseUrl, (session) => underLock(session, what, work));
}

async function withSession<T>(databaseUrl: string, work: (session: SqlSession) => Promise<T>): Promise<T> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // A connection cut between two queries emits; the next query rejects and says so.
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    throw cannotConnect(databaseUrl, error);
  }
  try {
    return await work({
      run: (sql) => client.query(sql),
      rows: async (sql, parameters) => (await client.query(sql, parameters)).rows,
    });
  } finally {
    await client.end().catch(() => {});
  }
}

/** The same on a connection of any kind; the embedded database uses it. */
export async function applyMigrations(session: SqlSession, report: (line: string) => void = () => {}): Promise<Migrated> {
  const { bootstrap, migrations } = await migrationFiles();
  const bootstrapped = await underLock(session, 'bootstrap.sql', async () => {
    const missing = await needsBootstrap(session);
    if (missing) await session.run(bootstrap);
    await session.run(LEDGER);
    return missing;
  });
  if (bootstrapped) report('applied bootstrap.sql (roles and auth functions)');
  const applied: string[] = [];
  const known = await appliedVersions(session);
  for (const migration of migrations.filter(({ version }) => !known.has(version))) {
    if (!(await underLock(session, migration.file, () => applyOne(session, migration)))) continue;
    applied.push(migration.file);
    report(`applied ${migration.file}`);
  }
  return { bootstrapped, applied };
}

/** False when another process was faster. */
async function applyOne(session: SqlSession, { version, name, sql }: MigrationFile): Promise<boolean> {
  if ((await appliedVersions(session)).has(version)) return false;
  await session.run(sql);
  const record = 'insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, $3)';
  await session.rows(record, [version, name, [sql]]);
  return true;
}

async function underLock<T>(session: SqlSession, file: string, work: () => Promise<T>): Promise<T> {
  try {
    await session.run('begin');
    await session.run(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
    await session.rows('select pg_advisory_xact_lock($1)', [LOCK_KEY]);
    const result = await work();
    await session.run('commit');
    return result;
  } catch (error) {
    await session.run('rollback').catch(() => {});
    throw migrationFailed(file, error);
  }
}

const LEDGER = `
  create schema if not exists supabase_migrations;
  create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
  alter table supabase_migrations.schema_migrations add column if not exists statements text[];
  alter table supabase_migrations.schema_migrations add column if not exists name text;
`;

const versionRows = z.array(z.object({ version: z.string() }));

async function appliedVersions(session: SqlSession): Promise<Set<string>> {
  const rows = await session.rows('select version from supabase_migrations.schema_migrations');
  return new Set(versionRows.parse(rows).map(({ version }) => version));
}

/** Hosted Supabase has all of it, and lets nobody change it. */
async function needsBootstrap(session: SqlSession): Promise<boolean> {
  const [row] = await session.rows(`
    select to_regprocedure('auth.uid()') is null or to_regprocedure('auth.role()') is null or to_regprocedure('auth.jwt()') is null
      or (select count(*) from pg_roles where rolname in ('anon', 'authenticated', 'service_role')) < 3 as missing
  `);
  return z.object({ missing: z.boolean() }).parse(row).missing;
}

function migrationFailed(file: string, error: unknown): Error {
  if (!isSqlError(error)) return new UnavailableError(`The database went away during ${file}: ${messageOf(error)}`, { cause: error });
  const details = { file, databaseCode: error.code };
  return new PermanentError(`${file} failed and changed nothing: ${messageOf(error)}`, { code: 'migration_failed', details, cause: error });
}

/** Errors of the server carry a severity; those of the connection do not. */
function isSqlError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string';
}

function cannotConnect(databaseUrl: string, cause: unknown): Error {
  const where = URL.canParse(databaseUrl) ? new URL(databaseUrl).host : 'DATABASE_URL';
  const what = `Cannot connect to the database at ${where}: ${messageOf(cause)}`;
  // Wrong password, unknown database: trying again does not help.
  if (isSqlError(cause)) return new PermanentError(`${what}. Check DATABASE_URL`, { code: 'database_refused', cause });
  return new UnavailableError(what, { cause });
}

/** What `npm run migrate` does; the exit code. `environment` is what `config.ts` has read. */
export async function runMigrateCommand(
  environment: { databaseUrl?: string | undefined },
  write: (line: string) => void = (line) => process.stdout.write(`${line}\n`),
): Promise<number> {
  if (!environment.databaseUrl) {
    write('Set DATABASE_URL to the database to migrate, for example postgresql://postgres:secret@localhost:5432/postgres');
    return 1;
  }
  try {
    const { bootstrapped, applied } = await migrate({ databaseUrl: environment.databaseUrl, report: write });
    if (!bootstrapped && applied.length === 0) write('nothing to do: all migrations are applied');
    return 0;
  } catch (error) {
    write(messageOf(error));
    return 1;
  }
}
