/** `DATABASE_URL` without `SUPABASE_URL`: @supabase/lite in this process, in front of that Postgres. */
import type { Tracer } from '../telemetry/contract.ts';
import { createDb } from './client.ts';
import { createLiteApp, importLite, LITE_URL, type LiteKeys, newKeys } from './lite-app.ts';
import { whileNobodyMigrates } from './migrate.ts';
import { callingDirectly, createRpcFetch } from './rpc-fetch.ts';
import type { Db } from './types.ts';

export interface LiteOptions {
  databaseUrl: string;
  /** `SUPABASE_JWT_SECRET`: without one, users' tokens end with the process and hold in this one only. */
  jwtSecret?: string;
  /** Instead of new ones. */
  keys?: LiteKeys;
  /** Longest time for one call, in milliseconds. Default 10,000. */
  timeoutMs?: number;
  /** Connections to the database. Too few make requests wait for each other; each costs the server some megabytes. Default 10. */
  poolSize?: number;
  tracer?: Tracer | undefined;
}

export interface LiteDb extends LiteKeys {
  db: Db;
  url: string;
  fetch: typeof globalThis.fetch;
}

const CONNECT_TIMEOUT_SECONDS = 5;
const CALL_TIMEOUT_MS = 10_000;
/** For the calls of workers and relay, which are few at a time: they share statements. */
const CALL_CONNECTIONS = 4;

/** The migrations must have been applied: lite learns at its first request whether tables have row-level security. */
export async function openLite({ databaseUrl, jwtSecret, keys: given, timeoutMs, poolSize = 10, tracer }: LiteOptions): Promise<LiteDb> {
  const { createPostgresConnection } = await importLite('@supabase/lite/postgres', () => import('@supabase/lite/postgres'));
  const connection = createPostgresConnection({
    url: databaseUrl,
    postgresOptions: { max: poolSize, connect_timeout: CONNECT_TIMEOUT_SECONDS, onnotice: () => {} },
  });
  try {
    const open = () => createLiteApp({ connection, keys: given ?? newKeys(jwtSecret), ensureSchema: true });
    // A worker and an API that start together would both make the auth server's tables, and one of them would fail.
    const { fetch, keys } = await whileNobodyMigrates(databaseUrl, 'The schema of @supabase/lite', open);
    const { serviceKey, publishableKey } = keys;
    const calls = await createRpcFetch({ databaseUrl, timeoutMs: timeoutMs ?? CALL_TIMEOUT_MS, poolSize: CALL_CONNECTIONS, asServiceRole: true });
    const both = callingDirectly(fetch, { serviceKey, answer: calls.fetch });
    const onClose = async () => {
      await Promise.all([connection.close(), calls.close()]);
    };
    const db = createDb({ url: LITE_URL, serviceKey, publishableKey, fetch: both, timeoutMs, tracer, onClose });
    return { db, url: LITE_URL, fetch: both, ...keys };
  } catch (error) {
    await connection.close();
    throw error;
  }
}
