import { afterEach, describe, expect, it } from 'vitest';
import type { TestProcess } from '../support/process.ts';
import {
  allEnded,
  expectNothingLostOrTwice,
  pass,
  type RelayChaos,
  recovery,
  replayStalled,
  seeded,
  startRelayChaos,
  told,
} from './relay-support.ts';

const ROWS = 500;
const WORKERS = 3;
const KILLS = 8;

/** Rows asked for by SQL, and workers that die at any time. */
export function describeKilledWorkers(queue: 'redis' | 'postgres'): void {
  describe(`workers killed with -9 at random, queues on ${queue}`, () => {
    let world: RelayChaos | undefined;
    afterEach(() => world?.stop());

    it(`${ROWS} rows inserted by SQL all end, each with one result, each charged once`, async () => {
      const what = `(a) kill -9, queues on ${queue}`;
      const { random, between } = seeded(what);
      const here = await startRelayChaos({ queue });
      world = here;
      const workers = await Promise.all(Array.from({ length: WORKERS }, () => here.startWorker()));
      const startedAt = await here.now();
      let inserted = 0;
      const insert = async (count: number) => {
        await here.insert(count);
        inserted += count;
      };
      await insert(200);
      for (let kill = 0; kill < KILLS; kill += 1) {
        if (inserted < ROWS && kill > 0) await insert(Math.min(60, ROWS - inserted));
        const index = Math.floor(random() * WORKERS);
        await afterMoreEvents(here, between(1, 60));
        workers[index] = await replace(here, workers[index]);
      }
      await insert(ROWS - inserted);
      const lastKillAt = await here.now();
      await allEnded(here);
      told(`${what}: ${await recovery(here, lastKillAt)} (since the last of ${KILLS} kills); since the start: ${await recovery(here, startedAt)}`);
      const replayed = await replayStalled(here);
      const ended = await allEnded(here);
      told(`${what}: ${replayed} rows had lost two workers and were replayed; ${await again(here)} runs were begun more than once`);
      expect(ended).toEqual({ completed: ROWS });
      await expectNothingLostOrTwice(here);
      expect(here.leaks()).toEqual([]);
    });
  });
}

/** A kill falls anywhere between two steps of a job: this waits for a number of steps instead of a time. */
async function afterMoreEvents({ sql }: RelayChaos, count: number): Promise<void> {
  const seen = async () =>
    (await sql<{ id: number }[]>`select coalesce(max(id), 0)::int as id from test_job_events where run_id is not null or status = 'completed'`)[0]
      ?.id ?? 0;
  const before = await seen();
  for (let tries = 0; (await seen()) < before + count && tries < 400; tries += 1) await pass(5);
}

async function replace(world: RelayChaos, worker: TestProcess | undefined): Promise<TestProcess> {
  worker?.kill('SIGKILL');
  return world.startWorker();
}

async function again({ sql }: RelayChaos): Promise<number> {
  const rows = await sql`select job, run from test_job_events where status = 'processing' group by job, run having count(*) > 1`;
  return rows.length;
}
