import { afterEach, describe, expect, it } from 'vitest';
import { startWorld, type World, type WorldOptions } from '../support/world.ts';
import { expectAllDone, measured, QUICK, queueStories, refinedStories, unlessEnded } from './support.ts';

let world: World | undefined;
afterEach(() => world?.stop());

interface Outage {
  what: string;
  options: WorldOptions;
  begin(world: World): Promise<void>;
  end(world: World): Promise<void>;
}

const killed: Pick<Outage, 'begin' | 'end'> = {
  begin: ({ queueServer }) => queueServer.kill(),
  end: ({ queueServer }) => queueServer.restart(),
};

const outages: readonly Outage[] = [
  { what: 'Redis killed with -9 and restarted', options: { queue: 'redis', appendOnly: true }, ...killed },
  { what: 'the Postgres of the queues killed with -9 and restarted', options: { queue: 'postgres', queueApart: true }, ...killed },
  { what: 'the Postgres of queues and tables killed with -9 and restarted', options: { queue: 'postgres' }, ...killed },
  {
    what: 'the Supabase API cut off and back',
    options: { queue: 'redis', appendOnly: true },
    begin: async ({ supabase }) => {
      await supabase.refuse();
      supabase.cut();
    },
    end: ({ supabase }) => supabase.accept(),
  },
];

const STORIES = 200;

describe('under load, with two workers', () => {
  it.each(outages)('$what: every job ends, each story is written once', async ({ what, options, begin, end }) => {
    const here = await startWorld({ ...options, latencyMs: 50, env: QUICK });
    world = here;
    const workers = await Promise.all([here.startWorker(), here.startWorker()]);
    const load = await queueStories(here, STORIES);
    const done = await refinedStories(here, STORIES / 10);
    await begin(here);
    const awayAt = performance.now();
    await end(here);
    const backAt = performance.now();
    await unlessEnded(workers, refinedStories(here, done + 20));
    const goingAgainAt = performance.now();
    const attempts = await unlessEnded(workers, expectAllDone(here, load));
    measured(what, {
      'away ms': backAt - awayAt,
      'work goes on after ms': goingAgainAt - backAt,
      'all done after ms': performance.now() - backAt,
      'jobs that took a second attempt': attempts.filter((count) => count > 1).length,
      'model requests': `${here.llm.requests().length} for ${STORIES} stories`,
    });
    for (const worker of workers) worker.kill('SIGTERM');
    expect(await Promise.all(workers.map(({ exit }) => exit))).toEqual(workers.map(() => ({ code: 0, signal: null })));
    expect(here.leaks()).toEqual([]);
  });
});
