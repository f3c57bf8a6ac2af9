import { openPglite } from '../../pglite.ts';
import { migrateQueueSchema, QUEUE_SCHEMA_VERSION } from './migrate.ts';
import { createPglitePool, pgliteQueries } from './pglite-pool.ts';
import type { QueuePool } from './pool.ts';

export interface EmbeddedQueue {
  /** For `createPostgresBackend({ pool })`. */
  pool: QueuePool;
  /** After the backend's `close()`. Safe to call twice. */
  close(): Promise<void>;
}

/** The queues in a PGlite of this process, its tables made and up to date. `dataDir` is a folder of its own, locked by the caller, or `:memory:`. */
export async function openEmbeddedQueue({ dataDir, cacheDir }: { dataDir: string; cacheDir?: string }): Promise<EmbeddedQueue> {
  const pglite = await openPglite({
    dataDir,
    ...(cacheDir ? { cacheDir } : {}),
    template: { name: 'queue', version: QUEUE_SCHEMA_VERSION, build: (fresh) => migrateQueueSchema(pgliteQueries(fresh)) },
  });
  // A folder made by an older version was not built from this template.
  await migrateQueueSchema(pgliteQueries(pglite));
  const pool = await createPglitePool(pglite);
  let closed: Promise<void> | undefined;
  return {
    pool,
    close() {
      closed ??= pool.end().then(() => pglite.close());
      return closed;
    },
  };
}
