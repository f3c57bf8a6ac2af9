import { assertSchemaCompatibility, LATEST_SCHEMA_VERSION, type PgQueryable, runMigrations, SchemaMigrationRequiredError } from 'bullmq';
import type { QueryResultRow } from 'pg';
import { PermanentError } from '../../errors.ts';
import { LATEST_STORE_VERSION, migrateStore, STORE_SCHEMA_HASH } from '../store/sql.ts';
import { QUEUE_SCHEMA } from './pool.ts';

/**
 * Makes or updates the schemas `bullmq` and `hivepulse_store`; does nothing where they are up to date. Needs one session: a direct or
 * session-mode connection. Safe to run from several processes at once.
 */
export async function migrateQueueSchema(target: string | PgQueryable): Promise<void> {
  if (typeof target !== 'string') return migrateOn(target);
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: target, connectionTimeoutMillis: 10_000, application_name: 'hivepulse-migrate' });
  await client.connect();
  try {
    // biome-ignore lint/suspicious/noExplicitAny: BullMQ declares its rows so.
    await migrateOn({ query: <R = any>(text: string, params?: readonly unknown[]) => client.query<R & QueryResultRow>(text, params && [...params]) });
  } finally {
    await client.end();
  }
}

async function migrateOn(session: PgQueryable): Promise<void> {
  await runMigrations(session, QUEUE_SCHEMA);
  await migrateStore(session);
}

/** What a database of queues must have been brought to; changes whenever `migrateQueueSchema` would do more. */
export const QUEUE_SCHEMA_VERSION = `${LATEST_SCHEMA_VERSION}.${STORE_SCHEMA_HASH}`;

/** Throws `PermanentError` (code `migrations_missing`) where `migrateQueueSchema` has not run yet. */
export async function assertQueueSchema(queries: PgQueryable): Promise<void> {
  const bullmq = await versionOf(() => assertSchemaCompatibility(queries, QUEUE_SCHEMA));
  const store = await versionOf(async () => {
    const { rows } = await queries.query<{ version: number | null }>('select max(version) as version from hivepulse_store.migration');
    return Number(rows[0]?.version ?? 0);
  });
  if (bullmq >= LATEST_SCHEMA_VERSION && store >= LATEST_STORE_VERSION) return;
  throw new PermanentError("The database lacks the queues' tables, or their newest version: run `npm run migrate`.", { code: 'migrations_missing' });
}

async function versionOf(read: () => Promise<number>): Promise<number> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof SchemaMigrationRequiredError || isUndefinedTable(error)) return 0;
    throw error;
  }
}

function isUndefinedTable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '42P01';
}
