import { createDb } from '../../lib/db/client.ts';
import { type EmbeddedDb, openEmbedded } from '../../lib/db/embedded.ts';
import { UnavailableError } from '../../lib/errors.ts';
import { createReset } from './pglite-reset.ts';

export interface EmbeddedTestDb extends EmbeddedDb {
  /** Safe to call twice. */
  stop(): Promise<void>;
}

interface Kept {
  embedded: EmbeddedDb;
  reset(): Promise<boolean>;
}

const TIMEOUT_MS = 20_000;
/** Each holds a hundred megabytes. */
const MOST_KEPT = 2;

/** In memory, as new, nobody's: opening one takes half a second, emptying one a tenth of that. The one thing here that outlives a test file. */
const kept: Kept[] = [];

/** The embedded database, in memory or in `dataDir`; migrated, nothing in it. */
export async function startEmbeddedDb({ dataDir = ':memory:' }: { dataDir?: string } = {}): Promise<EmbeddedTestDb> {
  if (dataDir === ':memory:') return lend(kept.pop() ?? (await open()));
  const embedded = await openEmbedded({ dataDir, timeoutMs: TIMEOUT_MS });
  return { ...embedded, stop: () => embedded.db.close() };
}

async function open(): Promise<Kept> {
  const embedded = await openEmbedded({ dataDir: ':memory:', timeoutMs: TIMEOUT_MS });
  // At its first request @supabase/lite grants the roles their rights.
  await embedded.fetch(`${embedded.url}/rest/v1/stories?select=id&limit=0`, { headers: { apikey: embedded.serviceKey } });
  return { embedded, reset: await createReset(embedded.sql) };
}

/** With a client and a statement of its own, so that whoever still holds them afterwards finds them closed and never writes into another's database. */
function lend(one: Kept): EmbeddedTestDb {
  const { url, serviceKey, publishableKey } = one.embedded;
  let returned = false;
  const use = <T>(call: () => Promise<T>): Promise<T> =>
    returned ? Promise.reject(new UnavailableError('The database is closed', { code: 'database_closed' })) : call();
  const fetch: EmbeddedDb['fetch'] = (input, init) => use(() => one.embedded.fetch(input, init));
  const sql: EmbeddedDb['sql'] = (statement, parameters) => use(() => one.embedded.sql(statement, parameters));
  const onClose = async () => {
    returned = true;
    await takeBack(one);
  };
  const db = createDb({ url, serviceKey, publishableKey, fetch, timeoutMs: TIMEOUT_MS, onClose });
  return { db, url, fetch, serviceKey, publishableKey, sql, stop: () => db.close() };
}

async function takeBack(one: Kept): Promise<void> {
  const asNew = kept.length < MOST_KEPT && (await one.reset().catch(() => false));
  if (asNew) kept.push(one);
  else await one.embedded.db.close();
}
