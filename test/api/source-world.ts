import { randomUUID } from 'node:crypto';
import type { Provider } from '../../lib/db/mail-types.ts';
import type { DealSource } from '../../lib/db/source-types.ts';
import type { SourceType } from '../../lib/jobs/source-sync.ts';
import { hashOfSecret, newNoticeSecret } from '../../lib/sources/notice-secret.ts';
import { newDeal } from '../db/deal-samples.ts';
import { newConnection } from '../db/mail-samples.ts';
import type { Api } from './world.ts';

const PROVIDERS: Readonly<Record<SourceType, Provider>> = { gdrive: 'google', gmail: 'google', sharepoint: 'microsoft', outlook: 'microsoft' };

/** A source of an account of its own, for which nothing was asked yet. */
export async function addSource({ db }: Pick<Api, 'db'>, sourceType: SourceType, connectionId?: string): Promise<DealSource> {
  const deal = await db.deals.create(newDeal(), randomUUID());
  const account =
    connectionId ?? (await db.connections.save(newConnection({ provider: PROVIDERS[sourceType], email: `${randomUUID()}@example.com` }))).id;
  const { source } = await db.dealSources.create({
    dealId: deal.id,
    sourceType,
    name: 'Data room',
    settings: {},
    createdBy: null,
    connectionId: account,
  });
  return source;
}

/** As if the provider had been asked for notices. */
export async function watchSource({ db }: Pick<Api, 'db'>, { id }: Pick<DealSource, 'id'>) {
  const watch = { id: randomUUID(), secret: newNoticeSecret(), resource: 'what-is-watched' };
  const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
  await db.dealSources.setWatch(id, { id: watch.id, resource: watch.resource, secretHash: hashOfSecret(watch.secret), expiresAt });
  return watch;
}
export type TestWatch = Awaited<ReturnType<typeof watchSource>>;

/** Syncs of a source that stand in the outbox, or came from there; of all sources where none is named. */
export async function asked({ db }: Pick<Api, 'db'>, source?: Pick<DealSource, 'id'>): Promise<unknown[]> {
  const { data, error } = await db.table('job_outbox').select('payload').eq('queue', 'source-sync');
  if (error) throw error;
  return data.map(({ payload }) => payload).filter(({ sourceId }) => source === undefined || sourceId === source.id);
}

/** In portions that keep many connections busy; how many answers had each status. */
export async function countStatuses(count: number, send: (index: number) => Promise<{ status: number }>): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {};
  for (let from = 0; from < count; from += 50) {
    const some = await Promise.all(Array.from({ length: Math.min(50, count - from) }, (_, index) => send(from + index)));
    for (const { status } of some) statuses[status] = (statuses[status] ?? 0) + 1;
  }
  return statuses;
}
