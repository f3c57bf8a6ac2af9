import { randomUUID } from 'node:crypto';
import type { Deal } from '../../lib/db/deal-types.ts';
import type { AppliedItem, DealSource, ListedItem, NewSource, SourceRun } from '../../lib/db/source-types.ts';
import type { Db } from '../../lib/db/types.ts';
import type { SyncType } from '../../lib/jobs/source-sync.ts';
import { newDeal } from './deal-samples.ts';
import { newConnection } from './mail-samples.ts';

export interface Room {
  deal: Deal;
  source: DealSource;
}

/** A deal with a source, of which nothing is known yet. */
export async function newRoom(db: Db, changes: Partial<NewSource> = {}, userId: string | null = null): Promise<Room> {
  const deal = await db.deals.create(newDeal(), userId);
  return { deal, source: await addSource(db, deal, changes) };
}

export async function addSource(db: Db, deal: Pick<Deal, 'id'>, changes: Partial<NewSource> = {}): Promise<DealSource> {
  const connectionId = changes.connectionId ?? (await db.connections.save(newConnection())).id;
  const source: NewSource = { dealId: deal.id, sourceType: 'gdrive', name: 'Data room', settings: {}, createdBy: null, connectionId, ...changes };
  return (await db.dealSources.create(source)).source;
}

export const listed = (ref: string, changes: Partial<ListedItem> = {}): ListedItem => ({
  ref,
  kind: 'document',
  version: 'v1',
  name: `${ref}.pdf`,
  place: 'folder',
  path: 'Contracts',
  url: null,
  mimeType: 'application/pdf',
  sizeBytes: 10,
  modifiedAt: null,
  ...changes,
});

/** Read and stored. Content follows the version. */
export const file = (ref: string, changes: Partial<ListedItem> & { content?: string } = {}): AppliedItem => {
  const { content = `${ref} ${changes.version ?? 'v1'}`, ...given } = changes;
  const item = listed(ref, given);
  const document = { contentHash: content, sizeBytes: 10, storagePath: `deals/x/${ref}/${item.version}` };
  return { ...item, outcome: 'document', document };
};

export const mail = (ref: string, changes: { version?: string; place?: string; email?: Record<string, unknown> } = {}): AppliedItem => ({
  ...listed(ref, { kind: 'email', name: '', mimeType: null, version: changes.version ?? 'v1', place: changes.place ?? 'inbox' }),
  outcome: 'email',
  email: {
    messageId: `<${ref}@example.com>`,
    threadId: 'thread',
    inReplyTo: null,
    fromName: 'Ann',
    fromAddress: 'ann@example.com',
    recipients: [],
    subject: `About ${ref}`,
    sentAt: '2026-11-20T10:00:00.000Z',
    text: 'Where is the list?',
    contentHash: `${ref} ${changes.version ?? 'v1'}`,
    ...changes.email,
  },
});

/** One run of a job, step by step. */
export function runOf(db: Db, { id }: Pick<DealSource, 'id'>, jobId: string = randomUUID()) {
  const run: SourceRun = { sourceId: id, runId: randomUUID() };
  return {
    ...run,
    jobId,
    begin: (syncType: SyncType = 'incremental') => db.sourceRuns.begin({ ...run, jobId, syncType }),
    plan: async (...items: ListedItem[]) => {
      const planned = await db.sourceRuns.plan(run, items);
      return planned && Object.fromEntries(planned);
    },
    apply: (...items: AppliedItem[]) => db.sourceRuns.apply(run, items),
    turn: (page: { cursor?: string; complete?: boolean; deletes?: { ref: string; from?: string }[]; listed?: number } = {}) =>
      db.sourceRuns.turn(run, { cursor: 'c', complete: false, deletes: [], listed: 0, unchanged: 0, calls: 1, ...page }),
    restart: () => db.sourceRuns.restart(run),
    end: (ending: Partial<Parameters<Db['sourceRuns']['end']>[1]> = {}) => db.sourceRuns.end(run, { status: 'succeeded', ...ending }),
  };
}

/** As the engine does it: pages of what a listing names, then the end of the listing. */
export async function synced(db: Db, source: Pick<DealSource, 'id'>, items: readonly AppliedItem[], cursor = 'after'): Promise<void> {
  const run = runOf(db, source);
  await run.begin('full');
  const planned = (await run.plan(...items)) ?? {};
  const work = items.filter(({ ref }) => planned[ref] === 'content');
  if (work.length > 0) await run.apply(...work);
  await run.turn({ cursor, complete: true, listed: items.length });
  await run.turn({ cursor, complete: true });
  await run.end();
}
