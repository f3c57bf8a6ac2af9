import { readFileSync } from 'node:fs';
import postgres from 'postgres';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

/** Owners of the old rows. */
export const USER = { paid: '00000000-0000-4000-8000-000000000001', poor: '00000000-0000-4000-8000-000000000002' };

/** A row of the old tables: `a1` is an analysis, `b1` a fetch, `d1` a review job, `c1` a conversation. */
export const oldId = (name: string): string => `00000000-0000-4000-8000-0000000000${name}`;

/** A Supabase database with the tables that the old workers left, rows waiting in them. */
export async function installOldTables(databaseUrl: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(read('../../supabase/bootstrap.sql'));
    for (const guide of ['000', '001', '003']) await sql.unsafe(read(`./old/${guide}.sql`));
  } finally {
    await sql.end({ timeout: 1 });
  }
}
