import { systemClock } from '../lib/clock.ts';
import type { Config } from '../lib/config.ts';
import type { Connection } from '../lib/db/mail-types.ts';
import type { Db } from '../lib/db/types.ts';
import type { Logger } from '../lib/log.ts';
import type { Mailboxes } from '../lib/mail/contract.ts';
import type { Accounts } from '../lib/oauth/contract.ts';
import type { SyncDeps } from '../lib/sources/run.ts';
import { createSourceWatches, type SourceWatches } from '../lib/sources/watches.ts';
import type { FileStorage } from '../lib/storage/contract.ts';
import type { Connections } from './connections.ts';

export interface SourcesOptions {
  config: Pick<Config, 'google' | 'microsoft'> & { api: Pick<Config['api'], 'documentLimitBytes' | 'publicUrl'> };
  accounts: Accounts;
  mailboxes: Mailboxes;
  storage: FileStorage;
  poke: () => void;
  log: Logger;
}

/** What syncs share, and what hears of changes. Clients of Google and Microsoft are loaded by the first sync that needs them. */
export function createSources(
  { config, poke, log, ...parts }: SourcesOptions,
  { backend, db, tracer }: Pick<Connections, 'backend' | 'db' | 'tracer'>,
): { sync: SyncDeps; watches: SourceWatches } {
  const sync: SyncDeps = {
    ...parts,
    poke,
    store: backend.store,
    clock: systemClock,
    googleRootUrl: config.google.apiRootUrl,
    graphBaseUrl: config.microsoft.graphBaseUrl,
    documentLimitBytes: config.api.documentLimitBytes,
    tracer,
  };
  const watches = createSourceWatches({ db, sources: sync, publicUrl: config.api.publicUrl, clock: systemClock, log, poke });
  return { sync: { ...sync, watch: (sourceId) => void watches.start(sourceId) }, watches };
}

/** To be called after an account was connected: its sources that waited for it go on. */
export async function resumeSources({ id }: Pick<Connection, 'id'>, { db, poke }: { db: Pick<Db, 'dealSources'>; poke: () => void }): Promise<void> {
  const waiting = (await db.dealSources.list({ connectionId: id })).filter(({ status, paused }) => status === 'reauth' && !paused);
  for (const source of waiting) await db.dealSources.ask(source.id, 'incremental', { trigger: 'connected' });
  if (waiting.length > 0) poke();
}
