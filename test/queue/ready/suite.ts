import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { QueueBackend } from '../../../lib/queue/backend.ts';
import { HEADS, KINDS, readQueueFacts } from '../../../lib/queue/ready.ts';
import { createService } from '../../support/queue-world.ts';

export interface ReadyPlace {
  connect(): Promise<QueueBackend>;
  close(): Promise<void>;
}

const QUEUE = 'review-ai';
const KIND = 'sentiment_analysis';
/** When the tests look. */
const NOW = 1_800_000_000_000;
const envelope = { v: 1, payload: {}, meta: { correlationId: 'c', enqueuedAt: new Date(NOW).toISOString() } };

interface Job {
  /** Seconds before the look at which it was asked for. */
  age: number;
  priority?: number;
  /** Milliseconds. */
  delay?: number;
  name?: string;
}

/** What a look at a queue promises, on either backend. */
export function readySuite(name: string, open: () => Promise<ReadyPlace>): void {
  describe(`the oldest ready job on ${name}`, () => {
    let place: ReadyPlace;
    let backend: QueueBackend;

    beforeAll(async () => {
      place = await open();
      backend = await place.connect();
    }, 60_000);
    afterAll(async () => {
      await backend?.close();
      await place?.close();
    });
    afterEach(() => backend.queue(QUEUE).obliterate({ force: true }));

    const add = (...jobs: readonly Job[]) =>
      backend.queue(QUEUE).addBulk(
        jobs.map(({ age, priority, delay, name: kind = KIND }) => ({
          name: kind,
          data: envelope,
          opts: { timestamp: NOW - age * 1_000, ...(priority === undefined ? {} : { priority }), ...(delay === undefined ? {} : { delay }) },
        })),
      );
    const many = (count: number, job: (index: number) => Job): Job[] => Array.from({ length: count }, (_, index) => job(index));
    const facts = async (now = NOW) => {
      const { stats } = createService(backend);
      return (await readQueueFacts({ look: backend.look, stats, clock: { now: () => now } }))[QUEUE];
    };
    const oldest = async (now?: number): Promise<number> => (await facts(now)).oldestReadyMs / 1_000;

    it('is none where nothing waits', async () => {
      expect(await facts()).toMatchObject({ ready: 0, oldestReadyMs: 0, waiting: 0 });
    });

    it('is found wherever its turn is: without a priority, behind younger ones of a level, on a later level', async () => {
      await add({ age: 10 }, { age: 3 });
      expect(await oldest()).toBe(10);
      await add({ age: 5, priority: 1 }, { age: 20, priority: 3 }, { age: 1, priority: 2 });
      expect(await oldest()).toBe(20);
      await add({ age: 30, priority: 1 + 5 * 2 ** 17 });
      expect(await oldest()).toBe(30);
    });

    it('is found behind any number of younger ones of a higher level, and of a higher priority where no turns are taken', async () => {
      await add(...many(5 * HEADS, (index) => ({ age: 2, priority: 1 + index })));
      await add({ age: 50, priority: 1 + 2 ** 17 });
      expect(await oldest()).toBe(50);
      await backend.queue(QUEUE).obliterate({ force: true });
      await add(...many(5 * HEADS, () => ({ age: 2, priority: 3 })), { age: 60, priority: 9 });
      expect(await oldest()).toBe(60);
    });

    it('is passed over beyond so many younger ones of its own level', async () => {
      await add(...many(5 * HEADS, () => ({ age: 2, priority: 2_000 })), { age: 70, priority: 2_001 });
      expect(await oldest()).toBe(2);
    });

    it('may be a delayed one that is due, counted from when it was due', async () => {
      await add({ age: 30, delay: 10_000 }, { age: 30, delay: 20_000 }, { age: 30, delay: 90_000 }, { age: 4 });
      expect(await facts()).toMatchObject({ waiting: 1, delayed: 3, ready: 3, oldestReadyMs: 20_000 });
      expect(await facts(NOW + 120_000)).toMatchObject({ ready: 4, oldestReadyMs: 140_000 });
    });

    it('that was delayed has waited since its delay was over, and one that was tried before since it was tried', async () => {
      const [delayed] = await add({ age: 30, delay: 25_000 });
      await delayed?.promote();
      expect(await oldest()).toBe(5);
      await backend.queue(QUEUE).obliterate({ force: true });
      const worker = backend.worker(QUEUE, async () => undefined, {});
      await add({ age: (NOW - Date.now()) / 1_000 + 1_000 });
      const tried = await worker.getNextJob('token', { block: false });
      await tried?.moveToWait('token');
      await worker.close();
      expect(await oldest((tried?.processedOn ?? 0) + 60_000)).toBe(60);
    });

    it('of a queue that is paused still grows older', async () => {
      await add({ age: 8 });
      await backend.queue(QUEUE).pause();
      expect(await facts()).toMatchObject({ paused: true, ready: 1, oldestReadyMs: 8_000 });
      await backend.queue(QUEUE).resume();
    });

    it('counts kinds exactly up to a bound, and by the first of them beyond it', async () => {
      const other = 'prompt_analysis';
      await add({ age: 1 }, { age: 1, priority: 7, name: other }, { age: 1, delay: 60_000, name: other }, { age: 1, delay: 60_000, name: other });
      expect((await facts()).kinds).toMatchObject({
        [KIND]: { waiting: 1, delayed: 0 },
        [other]: { waiting: 1, delayed: 2 },
        ai_generation: { waiting: 0, delayed: 0 },
      });
      await add(...many(2 * KINDS, (index) => ({ age: 1, priority: 7, name: index % 2 === 0 ? KIND : other })));
      const { kinds } = await facts();
      expect((kinds[KIND]?.waiting ?? 0) + (kinds[other]?.waiting ?? 0)).toBeCloseTo(2 * KINDS + 2, -1);
      expect(kinds[KIND]?.waiting).toBeCloseTo(KINDS, -1);
    });

    it('tells what its jobs take up', async () => {
      expect((await backend.size()).bytes).toBeGreaterThan(10_000);
    });
  });
}
