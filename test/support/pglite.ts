import { type EmbeddedDb, openEmbedded } from '../../lib/db/embedded.ts';

export interface EmbeddedTestDb extends EmbeddedDb {
  /** Safe to call twice. */
  stop(): Promise<void>;
}

/** The embedded database, in memory or in `dataDir`; migrated, nothing in it. */
export async function startEmbeddedDb({ dataDir = ':memory:' }: { dataDir?: string } = {}): Promise<EmbeddedTestDb> {
  const embedded = await openEmbedded({ dataDir, timeoutMs: 20_000 });
  return { ...embedded, stop: () => embedded.db.close() };
}
