import { afterAll, expect, it } from 'vitest';
import { startWorld } from '../support/world.ts';
const world = await startWorld({ queue: process.env.Q === 'pg' ? 'postgres' : 'redis' });
afterAll(() => world.stop());
it('works', async () => {
  let t = performance.now();
  const lap = (what: string) => { console.log(what, Math.round(performance.now() - t)); t = performance.now(); };
  const [worker, api] = await Promise.all([world.startWorker(), world.startApi()]);
  lap('processes');
  const story = await world.createStory();
  const job = await world.ended(await world.enhance(story));
  lap('job');
  console.log(job, await world.writes(), world.leaks());
  console.log(worker.lines.join('\n'));
  console.log(api.lines.join('\n'));
  worker.kill('SIGTERM'); console.log(await worker.exit); lap('term');
});
