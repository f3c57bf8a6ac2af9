import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SOURCE_TYPES, type SourceType } from '../../lib/jobs/source-sync.ts';
import type { TestProcess } from '../support/process.ts';
import { eventually } from '../support/world.ts';
import { type ConnectedSource, type SourceWorld, startSourceWorld } from './source-world.ts';

const ITEMS = 40;
const CHANGES = { add: 7, edit: 3, delete: 2, move: 1 };

/** An API process and two worker processes that sync; nobody reads what they store. */
export function sourceSuite(queue: 'redis' | 'postgres', types: readonly SourceType[] = SOURCE_TYPES): void {
  describe(`source sync, queues on ${queue}`, () => {
    let world: SourceWorld;
    let workers: TestProcess[];

    beforeAll(async () => {
      world = await startSourceWorld({ queue, env: { WORKER_QUEUES: 'source-sync' } });
      workers = await Promise.all([world.startWorker(), world.startWorker()]);
    });
    afterAll(async () => {
      const leaks = world?.sourceLeaks() ?? [];
      await world?.stop();
      expect(leaks).toEqual([]);
    });

    /** Item by item. */
    async function expectSame(source: ConnectedSource): Promise<void> {
      expect(await world.stored(source)).toEqual(source.vendor.items());
    }

    async function filled(type: SourceType, items = ITEMS): Promise<ConnectedSource> {
      const source = await world.addSource(type, items, (vendor) => vendor.page(15));
      expect(await world.synced(source, source.jobId)).toMatchObject({ status: 'succeeded', mode: 'full', created: items, deleted: 0, failed: 0 });
      return source;
    }

    describe.each(types)('%s', (type) => {
      it('is read whole once, then follows 7 new, 3 edited, 2 deleted and 1 moved item, and touches no other', async () => {
        const source = await filled(type);
        await expectSame(source);
        expect(await world.status(source)).toMatchObject({ status: 'idle', status_reason: null });

        const since = await world.now();
        const { added, edited, deleted, moved } = source.vendor.change(CHANGES);
        const sync = await world.sync(source);
        expect(sync).toMatchObject({
          status: 'succeeded',
          mode: 'incremental',
          created: 7,
          changed: edited.length,
          renamed: moved.length,
          deleted: 2,
          failed: 0,
        });
        await expectSame(source);
        const touched = await world.touchedSince(source, since);
        expect([...touched.keys()].toSorted()).toEqual([...added, ...edited, ...deleted, ...moved].toSorted());

        // Nothing has happened since: nothing is touched, and next to nothing asked.
        const later = await world.now();
        expect(await world.sync(source)).toMatchObject({ status: 'succeeded', created: 0, changed: 0, renamed: 0, deleted: 0 });
        expect(await world.touchedSince(source, later)).toEqual(new Map());
      });

      it('lists anew by itself when the cursor is not known any more, reads nothing twice, and finds what went meanwhile', async () => {
        const source = await filled(type);
        source.vendor.change(CHANGES);
        source.vendor.forget();
        const sync = await world.sync(source);
        expect(sync).toMatchObject({ status: 'succeeded', mode: 'full', created: 7, deleted: 2 });
        await expectSame(source);
      });

      it('outlasts a storm of 429, a token that ends and a grant that is taken back, which is told once', async () => {
        const source = await filled(type, 20);
        source.vendor.change(CHANGES);
        source.vendor.storm(3, 0);
        expect(await world.sync(source)).toMatchObject({ status: 'succeeded', created: 7, deleted: 2 });
        await expectSame(source);

        source.vendor.add(2);
        source.vendor.expireTokens();
        expect(await world.sync(source)).toMatchObject({ status: 'succeeded', created: 2 });

        source.vendor.add(1);
        source.vendor.revoke();
        source.vendor.expireTokens();
        const askAgain = () => world.api.call('POST', `/api/deals/${source.dealId}/sources/${source.id}/sync`, {}, { 'x-user-id': source.userId });
        // Whoever needs the account first finds out: this sync, or what asks for notices of the source.
        const asked = await askAgain();
        if (asked.status === 202) {
          await eventually(async () => (await world.status(source)).status === 'reauth');
          expect((await world.syncs(source)).at(-1)).toMatchObject({ status: 'failed', error_code: 'reauth_required' });
        }
        const [account] = await world.db.connections.list({ userId: source.userId });
        const told = () => world.alerts.filter((alert) => alert.includes(account?.id ?? 'none'));
        await eventually(() => told().length > 0);
        const again = await askAgain();
        expect([again.status, again.body.error.code]).toEqual([409, 'reauth_required']);
        expect(told()).toHaveLength(1);

        await world.connect(source.vendor, source.userId);
        await eventually(
          async () => (await world.status(source)).status === 'idle' && (await world.stored(source)).size === source.vendor.items().size,
        );
        await expectSame(source);
      });
    });

    it('makes one more sync of any number of notices that come while one runs, and leaves no file that no document has', async () => {
      const source = await filled('gdrive');
      source.vendor.add(20);
      // Long enough to be stopped in the middle.
      source.vendor.latency(1_000);
      const running = await world.ask(source);
      await eventually(async () => (await world.status(source)).status === 'syncing');
      for (const worker of workers) worker.kill('SIGSTOP');
      await Promise.all(Array.from({ length: 10 }, () => world.ask(source)));
      source.vendor.latency(0);
      for (const worker of workers) worker.kill('SIGCONT');
      await world.synced(source, running);
      const later = async () => (await world.syncs(source)).filter(({ job_id, sync_type }) => sync_type === 'incremental' && job_id !== running);
      await eventually(async () => (await later()).some(({ status }) => status === 'succeeded'));
      // Another one that waits would have begun by then: it is asked for after all of them.
      expect(await world.sync(source)).toMatchObject({ status: 'succeeded', created: 0 });
      expect(await later()).toHaveLength(2);
      const ended = await world.sql<{ ended: string; count: number }[]>`
        select ended, count(*)::int as count from job_outbox where payload ->> 'sourceId' = ${source.id} and ended <> 'sent' group by ended`;
      expect(ended.map(({ ended: how }) => how)).toEqual(['merged']);
      await expectSame(source);

      source.vendor.change({ add: 0, edit: 5, delete: 5, move: 0 });
      await world.sync(source);
      const kept = await world.sql<{ path: string }[]>`select storage_path as path from documents where deal_id = ${source.dealId}`;
      const stored = (await readdir(world.files, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
      const mine = stored
        .map(({ parentPath, name }) => `${parentPath}/${name}`.slice(world.files.length + 1))
        .filter((path) => path.includes(source.dealId));
      expect(mine.toSorted()).toEqual(kept.map(({ path }) => path).toSorted());
    });
  });
}
