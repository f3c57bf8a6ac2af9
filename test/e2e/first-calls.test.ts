import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { openLite } from '../../lib/db/lite.ts';
import { queues } from '../../lib/jobs/index.ts';
import { openBackend } from '../../lib/queue/open.ts';
import { createQueueService } from '../../lib/queue/service.ts';
import { scoreLocally } from '../../lib/scoring/local.ts';
import { newStoryBody, QUEUE, startWorld, type World } from '../support/world.ts';

/** A process that has just started and is asked for everything at once. */
describe('two hundred calls before the first has been answered', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ queue: 'redis' });
  });
  afterAll(() => world?.stop());

  const atOnce = async <T>(call: () => Promise<T>): Promise<unknown[]> => {
    const answers = await Promise.allSettled(Array.from({ length: 200 }, call));
    return answers.filter(({ status }) => status === 'rejected');
  };

  it('to a Postgres behind @supabase/lite are all answered', async () => {
    const { db } = await openLite({ databaseUrl: world.postgres.url });
    const story = newStoryBody();
    const localScores = await scoreLocally(story);
    expect(await atOnce(() => db.stories.create({ ...story, userId: null, localScores }))).toEqual([]);
    await db.close();
  });

  it('to Redis are all answered, also beside @supabase/lite', async () => {
    const { hostname: host, port } = new URL(world.redis?.url ?? '');
    const connection = { kind: 'single', host, port: Number(port), db: 0 } as const;
    const backend = await openBackend({ kind: 'redis', connection, prefix: 'first-calls' }, { role: 'producer' });
    const service = createQueueService({ backend, settings: (queue) => queues[queue], clock: systemClock });
    const enqueue = () => service.enqueue({ queue: QUEUE, name: 'enhance', payload: { storyId: crypto.randomUUID() } });
    expect(await atOnce(enqueue)).toEqual([]);
    expect((await service.stats())[QUEUE].waiting).toBe(200);
    await backend.close();
  });
});
