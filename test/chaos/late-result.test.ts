import { afterAll, beforeAll, expect, it } from 'vitest';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import { QUICK, soon } from './support.ts';

let world: World;
/** The first worker's own way to the Supabase API. */
let detour: TcpProxy;

beforeAll(async () => {
  world = await startWorld({ queue: 'redis', env: QUICK });
  detour = await startProxy(Number(new URL(world.env.SUPABASE_URL ?? '').port));
});
afterAll(async () => {
  await detour?.stop();
  await world?.stop();
});

it('a result that was sent before another run took over, and arrives after that one has finished, changes nothing', async () => {
  const slow = await world.startWorker({ SUPABASE_URL: detour.url('http') });
  const story = await world.createStory();
  const held = world.llm.hold();
  const jobId = await world.enhance(story);
  await soon(held.arrived, 'the first request', [slow]);
  // Its answer is kept for whoever asks next; from then on the network holds its words back.
  const told = Promise.all([detour.seen('record_ai_usage'), detour.seen('store_ai_answer')]);
  held.release();
  await soon(told, 'the cost, and the answer to keep', [slow]);
  detour.pause('requests');
  await soon(detour.seen('record_story_scores'), 'the result', [slow]);
  slow.kill('SIGSTOP');
  await world.startWorker();
  expect(await world.ended(jobId)).toMatchObject({ state: 'completed', attemptsMade: 1 });
  const before = await world.story(story.id);
  // The server tells about calls some seconds late.
  await eventually(async () => (await world.recordCalls()) === 1, 30_000);

  detour.resume();
  await eventually(async () => (await world.recordCalls()) === 2, 30_000);
  expect(await world.story(story.id)).toEqual(before);
  expect((await world.writes()).get(story.id)).toBe(1);

  slow.kill('SIGCONT');
  // Whichever it notices first: that its lock is gone, or that its call took too long.
  await slow.entry(({ message }) => message === 'job taken over by another run' || message === 'job retrying');
  expect(await world.story(story.id)).toEqual(before);
  expect(await world.job(jobId)).toMatchObject({ state: 'completed', attemptsMade: 1 });
  expect([...(await world.sql`select * from failed_jobs`)]).toEqual([]);
});
