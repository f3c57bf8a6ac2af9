import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import type { QueueBackend } from '../../../lib/queue/backend.ts';
import { createEnqueue } from '../../../lib/queue/enqueue.ts';
import type { JobContext } from '../../../lib/queue/processor.ts';
import type { AttemptReport } from '../../../lib/queue/runner.ts';
import { findProbe, gate, QUEUE, quickSettings, startWorker, type WorkerOptions } from '../../support/queue-world.ts';
import type { FairPlace } from './world.ts';

/** How many jobs run at a time: per user, and of the queue. */
export function capsSuite(name: string, open: () => Promise<FairPlace>): void {
  describe(`caps on ${name}`, () => {
    let place: FairPlace;
    let backends: [QueueBackend, QueueBackend];
    let enqueue: ReturnType<typeof createEnqueue>;
    let stops: (() => Promise<void>)[] = [];

    beforeAll(async () => {
      place = await open();
      backends = [await place.connect(), await place.connect()];
      enqueue = createEnqueue({ backend: backends[0], settings: quickSettings, clock: systemClock, find: findProbe });
    }, 60_000);
    afterAll(async () => {
      for (const backend of backends ?? []) await backend.close();
      await place?.close();
    });
    afterEach(async () => {
      for (const stop of stops) await stop();
      stops = [];
      await backends[0].queue(QUEUE).obliterate({ force: true });
      await place.forget();
    });

    const add = (userId: string, count: number, prefix = userId) =>
      enqueue.many(
        Array.from({ length: count }, (_, index) => ({ queue: QUEUE, name: 'row', payload: { key: `${prefix}${index}` }, options: { userId } })),
      );

    /** Two worker processes. `during` is what a job does. */
    async function work(options: WorkerOptions, during: (user: string, key: string) => Promise<void>) {
      const running = new Map<string, number>();
      const most = new Map<string, number>();
      const done: string[] = [];
      const reports: AttemptReport[] = [];
      const count = (user: string, by: number) => {
        running.set(user, (running.get(user) ?? 0) + by);
        most.set(user, Math.max(most.get(user) ?? 0, running.get(user) ?? 0));
      };
      async function process({ key }: { key: string }, { meta, job }: JobContext) {
        const user = meta.userId ?? '';
        for (const one of [user, 'all']) count(one, 1);
        expect(job.attempt).toBe(1);
        await during(user, key);
        for (const one of [user, 'all']) count(one, -1);
        done.push(key);
      }
      for (const backend of backends) {
        const worker = await startWorker(backend, process, { ...options, onAttempt: (report) => reports.push(report) });
        stops.push(() => worker.stop(5_000));
      }
      return { running, most, done, reports, snoozes: () => reports.filter(({ outcome }) => outcome === 'snooze').length };
    }
    const aWhile = async () => {
      for (let turn = 0; turn < 5; turn += 1) await backends[0].ping();
    };
    const until = (check: () => void, timeout = 15_000) => vi.waitFor(check, { timeout, interval: 10 });

    it('runs no more jobs of one user at a time than its cap, in all processes together', async () => {
      const { most, done } = await work({ concurrency: 5, maxPerKey: 2 }, aWhile);
      await Promise.all([add('a', 30), add('b', 6), add('c', 1)]);
      await until(() => expect(done).toHaveLength(37));
      expect(most.get('a')).toBeLessThanOrEqual(2);
      expect(most.get('b')).toBeLessThanOrEqual(2);
    }, 30_000);

    it('lets the others go on while one user is at the cap, and calls the next at once when a place is free', async () => {
      const started: { number: number; open: () => void }[] = [];
      const { running, done, snoozes } = await work({ concurrency: 3, maxPerKey: 1, uncalledMs: 60_000 }, async (user, key) => {
        if (user !== 'a') return;
        const own = gate();
        started.push({ number: Number(key.slice(1)), open: own.open });
        await own.opened;
      });
      await add('a', 20);
      await until(() => expect(running.get('a')).toBe(1));
      await Promise.all(Array.from({ length: 10 }, (_, index) => add(`b${index}-`, 1)));
      await until(() => expect(done).toHaveLength(10));
      await until(() => expect(snoozes()).toBe(19));
      expect(running.get('a')).toBe(1);
      // Nobody asks again before it is called: the call alone brings them, one after the other, the oldest first.
      for (let turn = 0; turn < 20; turn += 1) {
        await until(() => expect(started).toHaveLength(turn + 1), 4_000);
        started[turn]?.open();
      }
      const called = started.slice(1).map(({ number }) => number);
      expect(called).toEqual(called.toSorted((a, b) => a - b));
      await until(() => expect(done).toHaveLength(30));
      expect(snoozes()).toBeLessThan(25);
    }, 60_000);

    it('gives the place of a crashed process to the next when its lease is over', async () => {
      const { store } = backends[0];
      expect(await store.acquire(`cap:${QUEUE}:a`, 'a job of a crashed process', { limit: 1, leaseMs: 500 })).toBe(true);
      const { done, snoozes } = await work({ maxPerKey: 1, uncalledMs: 100 }, aWhile);
      await add('a', 3);
      await until(() => expect(done).toHaveLength(3));
      expect(snoozes()).toBeGreaterThan(0);
    }, 30_000);

    it('lets a job that is run again after a crash have its own place back', async () => {
      const { store } = backends[0];
      const [job] = await add('a', 1);
      expect(await store.acquire(`cap:${QUEUE}:a`, job?.jobId ?? '', { limit: 1, leaseMs: 60_000 })).toBe(true);
      const { done, snoozes } = await work({ maxPerKey: 1 }, aWhile);
      await until(() => expect(done).toEqual(['a0']));
      expect(snoozes()).toBe(0);
    });

    it('calls the next in line when the first was cancelled meanwhile', async () => {
      const own = gate();
      const { done, running, snoozes } = await work({ maxPerKey: 1, uncalledMs: 60_000 }, async (_user, key) => {
        if (key === 'first0') await own.opened;
      });
      await add('a', 1, 'first');
      await until(() => expect(running.get('a')).toBe(1));
      const jobs = await add('a', 3);
      await until(() => expect(snoozes()).toBe(3));
      await vi.waitFor(async () => (await backends[0].queue(QUEUE).getJob(jobs[0]?.jobId ?? ''))?.remove());
      own.open();
      await until(() => expect(done).toEqual(['first0', 'a1', 'a2']), 4_000);
    });

    it('asks the store for nothing where there is no cap', async () => {
      const acquire = vi.spyOn(backends[0].store, 'acquire');
      const { done } = await work({}, aWhile);
      await add('a', 3);
      await until(() => expect(done).toHaveLength(3));
      expect(acquire).not.toHaveBeenCalled();
      acquire.mockRestore();
    });

    it('runs no more jobs of a queue at a time than its own cap, and forgets it when it is taken away', async () => {
      const { most, done } = await work({ concurrency: 5, maxActive: 3 }, aWhile);
      await Promise.all([add('a', 15), add('b', 15)]);
      await until(() => expect(done).toHaveLength(30));
      expect(most.get('all')).toBeLessThanOrEqual(3);
      expect(await backends[0].queue(QUEUE).getGlobalConcurrency()).toBe(3);
      const last = await startWorker(backends[0], async () => undefined);
      expect(await backends[0].queue(QUEUE).getGlobalConcurrency()).toBeNull();
      await last.stop();
    }, 30_000);

    it('brings a newcomer’s ten jobs next although another has hundreds waiting', async () => {
      await add('a', 500);
      const started: string[] = [];
      const open = gate();
      const concurrency = 5;
      await work({ concurrency }, async (user) => {
        started.push(user);
        if (started.length >= 40) await open.opened;
        await aWhile();
      });
      await until(() => expect(started).toHaveLength(39 + 2 * concurrency));
      const before = started.length;
      await add('b', 10);
      open.open();
      await until(() => expect(started.filter((user) => user === 'b')).toHaveLength(10));
      expect(started.lastIndexOf('b')).toBeLessThan(before + 10 + concurrency);
    }, 60_000);
  });
}
