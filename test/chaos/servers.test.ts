import { afterEach, describe, expect, it } from 'vitest';
import { startWorld, type World } from '../support/world.ts';
import { expectAllDone, measured, QUICK, queueStories, refinedStories } from './support.ts';

let world: World | undefined;
afterEach(() => world?.stop());

describe('under load, with two workers', () => {
  it.each([
    { queue: 'redis', server: 'redis', stories: 200 },
    { queue: 'redis', server: 'postgres', stories: 100 },
    { queue: 'postgres', server: 'postgres', stories: 200 },
  ] as const)(
    '$server killed with -9 and restarted, the queues being in $queue: every job ends, each story is written once',
    async ({ queue, server, stories }) => {
      world = await startWorld({ queue, appendOnly: true, latencyMs: 50, env: QUICK });
      await Promise.all([world.startWorker(), world.startWorker()]);
      const killed = server === 'redis' ? world.redis : world.postgres;
      const load = await queueStories(world, stories);
      const done = await refinedStories(world, stories / 10);
      await killed?.kill();
      const killedAt = performance.now();
      await killed?.restart();
      const backAt = performance.now();
      await refinedStories(world, done + 10);
      const goingAgainAt = performance.now();
      const attempts = await expectAllDone(world, load);
      measured(`${server} killed (queues in ${queue})`, {
        'away ms': backAt - killedAt,
        'work goes on after ms': goingAgainAt - backAt,
        'all done after ms': performance.now() - backAt,
        'jobs that took a second attempt': attempts.filter((count) => count > 1).length,
        'model requests': `${world.llm.requests().length} for ${stories} stories`,
      });
      expect(world.leaks()).toEqual([]);
    },
  );
});
