import { afterEach, expect, it } from 'vitest';
import type { SourceType } from '../../lib/jobs/source-sync.ts';
import { type SourceWorld, startSourceWorld } from '../e2e/source-world.ts';
import { eventually } from '../support/world.ts';
import { measured, QUICK } from './support.ts';

const ITEMS = 1_000;
/** Gmail and Outlook are asked for pages of their own size. */
const PAGES: Record<SourceType, number> = { gdrive: 100, sharepoint: 100, gmail: 500, outlook: 250 };

let world: SourceWorld | undefined;
afterEach(() => world?.stop());

const CASES: readonly (readonly [SourceType, 'redis' | 'postgres'])[] = [
  ['gdrive', 'redis'],
  ['sharepoint', 'redis'],
  ['gmail', 'redis'],
  ['outlook', 'redis'],
  ['gdrive', 'postgres'],
];

it.each(CASES)(
  '%s: a worker killed with -9 between pages, twice: 1,000 items are there as at the source, each once, and what follows touches what changed alone (queues on %s)',
  async (type, queue) => {
    world = await startSourceWorld({ queue, env: { ...QUICK, WORKER_QUEUES: 'source-sync' } });
    const here = world;
    const first = await world.startWorker();
    const source = await world.addSource(type, ITEMS, (vendor) => {
      vendor.page(PAGES[type]);
      vendor.latency(5);
    });
    const items = async (): Promise<number> => (await here.sql`select 1 from source_items where source_id = ${source.id}`).length;
    const killedAt: number[] = [];
    let worker = first;
    for (const share of [0.3, 0.6]) {
      await eventually(async () => (await items()) >= share * ITEMS, 60_000);
      worker.kill('SIGKILL');
      await worker.exit;
      killedAt.push(await items());
      worker = await world.startWorker();
    }
    // The queue takes a job whose worker died twice for one that kills workers; the next sync goes on where it was.
    expect(await world.synced(source, source.jobId, 120_000)).toMatchObject({ status: 'failed', mode: 'full' });
    expect(await world.sync(source)).toMatchObject({ status: 'succeeded', mode: 'full', failed: 0, deleted: 0 });
    const syncs = await world.syncs(source);
    expect(syncs.reduce((sum, { created }) => sum + created, 0)).toBe(ITEMS);
    // Of each page that was cut, what had been applied is seen once more.
    expect(syncs.reduce((sum, { changed, unchanged }) => sum + changed + unchanged, 0)).toBeLessThan(2 * PAGES[type]);
    expect(await world.stored(source)).toEqual(source.vendor.items());
    const [rows] = await world.sql<{ documents: number; emails: number }[]>`
      select (select count(*)::int from documents where deal_id = ${source.dealId}) as documents, (select count(*)::int from emails where deal_id = ${source.dealId}) as emails`;
    expect((rows?.documents ?? 0) + (rows?.emails ?? 0)).toBe(ITEMS);

    const calls = source.vendor.calls();
    const since = await world.now();
    const { added, edited, deleted, moved } = source.vendor.change({ add: 7, edit: 3, delete: 2, move: 1 });
    expect(await world.sync(source)).toMatchObject({
      status: 'succeeded',
      mode: 'incremental',
      created: 7,
      changed: edited.length,
      renamed: moved.length,
      deleted: 2,
    });
    const touched = await world.touchedSince(source, since);
    expect([...touched.keys()].toSorted()).toEqual([...added, ...edited, ...deleted, ...moved].toSorted());
    const followed = source.vendor.calls() - calls;

    source.vendor.forget();
    expect(await world.sync(source)).toMatchObject({ status: 'succeeded', mode: 'full', created: 0, changed: 0, deleted: 0 });
    expect(await world.stored(source)).toEqual(source.vendor.items());
    measured(`kill -9 between pages of 1,000 items, ${type}, queues on ${queue}`, {
      'items at the kills': killedAt.join(', '),
      'calls of the full sync, both kills included': calls,
      'calls of the incremental one': followed,
    });
    expect(world.sourceLeaks()).toEqual([]);
  },
);
