import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TestProcess } from '../support/process.ts';
import { eventually, JUDGEMENT, startWorld, type World } from '../support/world.ts';
import { expectAllDone, measured, QUICK, queueStories, refinedStories, soon } from './support.ts';

/** Workers that are killed, frozen, poisoned and stopped, as processes of their own, with the queues in `queue`. */
export function describeWorkers(queue: 'redis' | 'postgres'): void {
  let world: World;
  let workers: TestProcess[] = [];

  beforeAll(async () => {
    world = await startWorld({ queue, latencyMs: 50, env: QUICK });
  });
  afterEach(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    workers = [];
    world.llm.reset();
    world.llm.answerWith(JUDGEMENT);
  });
  afterAll(() => world?.stop());

  const startWorker = async (env: Record<string, string> = {}): Promise<TestProcess> => {
    const worker = await world.startWorker(env);
    workers.push(worker);
    return worker;
  };
  const deadLetters = (jobId: string) => world.sql`select run, attempts, error from failed_jobs where job_id = ${jobId}`;

  describe(`a worker, with the queues in ${queue}`, () => {
    it('that is killed with -9 in the middle of a job is replaced by another, and the story is written once', async () => {
      const first = await startWorker();
      const story = await world.createStory();
      const held = world.llm.hold();
      const jobId = await world.enhance(story);
      await soon(held.arrived, 'the first request', workers);
      await startWorker();
      first.kill('SIGKILL');
      const killedAt = performance.now();
      expect(await world.ended(jobId)).toMatchObject({ state: 'completed', attemptsMade: 1 });
      measured(`kill -9 of a worker (${queue})`, { 'completed by another after ms': performance.now() - killedAt });
      expect((await world.writes()).get(story.id)).toBe(1);
      expect(world.llm.requests()).toHaveLength(2);
      expect([...(await deadLetters(jobId))]).toEqual([]);
    });

    it('that is frozen past its lock and woken after another has finished changes nothing', async () => {
      const frozen = await startWorker();
      const story = await world.createStory();
      const held = world.llm.hold();
      const jobId = await world.enhance(story);
      await soon(held.arrived, 'the first request', workers);
      await startWorker();
      frozen.kill('SIGSTOP');
      const frozenAt = performance.now();
      expect(await world.ended(jobId)).toMatchObject({ state: 'completed' });
      measured(`frozen worker (${queue})`, { 'completed by another after ms': performance.now() - frozenAt });
      const before = await world.story(story.id);
      // Without its progress: BullMQ takes that from anybody, and a woken worker has a few milliseconds before it learns that its lock is gone.
      const ending = async () => ({ ...(await world.job(jobId)), progress: undefined });
      const job = await ending();

      world.llm.answerWith({ ...JUDGEMENT, hypeScore: 0.1 });
      held.release();
      frozen.kill('SIGCONT');
      await frozen.entry((entry) => entry.message === 'job taken over by another run' && entry.jobId === jobId);
      // It is alive and well: the next story is scored, whoever gets it.
      const next = await queueStories(world, 3);
      await expectAllDone(world, next);
      expect(await world.story(story.id)).toEqual(before);
      expect((await world.writes()).get(story.id)).toBe(1);
      expect(await ending()).toEqual(job);
      expect([...(await deadLetters(jobId))]).toEqual([]);
    });

    it('that is frozen past its lock and woken while another is at it changes nothing, and the other finishes', async () => {
      const frozen = await startWorker();
      const story = await world.createStory();
      const [held, heldToo] = [world.llm.hold(), world.llm.hold()];
      const jobId = await world.enhance(story);
      await soon(held.arrived, 'the first request', workers);
      await startWorker();
      frozen.kill('SIGSTOP');
      await soon(heldToo.arrived, 'the request of the other worker', workers);
      const { localScores } = await world.story(story.id);
      world.llm.answerWith({ ...JUDGEMENT, hypeScore: 0.1 });
      held.release();
      frozen.kill('SIGCONT');
      await frozen.entry((entry) => entry.message === 'job taken over by another run' && entry.jobId === jobId);
      expect(await world.story(story.id)).toMatchObject({ scoringStatus: 'processing', hypeScore: localScores.hypeScore });
      expect(await world.job(jobId)).toMatchObject({ state: 'active' });

      world.llm.answerWith({ ...JUDGEMENT, hypeScore: 9.9 });
      heldToo.release();
      expect(await world.ended(jobId)).toMatchObject({ state: 'completed', attemptsMade: 1, result: { enhancedScores: { hypeScore: 9.9 } } });
      expect(await world.story(story.id)).toMatchObject({ scoringStatus: 'refined', hypeScore: 9.9 });
      expect((await world.writes()).get(story.id)).toBe(1);
    });

    it('that dies of one job every time leaves it as a dead letter, and the others get done', async () => {
      const poison = await world.createStory();
      let deaths = 0;
      world.llm.answerWith(({ user }: { user: string }) => {
        if (user.includes(poison.title) && workers.at(-1)?.kill('SIGKILL')) deaths += 1;
        return JUDGEMENT;
      });
      const startedAt = performance.now();
      const jobId = await world.enhance(poison);
      let last = await startWorker();
      // A supervisor: a new worker whenever one has died, until the job has ended.
      for (let ended = false; !ended; ) {
        const died = last.exit.then(() => 'died' as const);
        const outcome = await Promise.race([died, world.ended(jobId, 60_000)]);
        ended = outcome !== 'died';
        if (!ended) last = await startWorker();
      }
      expect(await world.job(jobId)).toMatchObject({ state: 'failed' });
      const letters = await eventually(async () => [await deadLetters(jobId)].find(({ length }) => length > 0));
      expect(letters).toHaveLength(1);
      expect(letters[0]).toMatchObject({ run: 1 });
      expect(letters[0]?.error).toContain('stalled');
      const { scoringStatus, scoringError, hypeScore, localScores } = await world.story(poison.id);
      expect({ scoringStatus, scoringError }).toEqual({ scoringStatus: 'failed', scoringError: letters[0]?.error });
      expect(hypeScore).toBe(localScores.hypeScore);
      expect((await world.writes()).has(poison.id)).toBe(false);
      measured(`poisonous job (${queue})`, { 'workers lost': deaths, 'dead letter after ms': performance.now() - startedAt });
      expect(deaths).toBe(2);
      await expectAllDone(world, await queueStories(world, 3));
    });

    it('that is told to stop hands back what it cannot finish, uncharged, and exits 0 within its deadline', async () => {
      const first = await startWorker({ SHUTDOWN_TIMEOUT_MS: '4000' });
      const held = Array.from({ length: 5 }, () => world.llm.hold());
      const load = await queueStories(world, 20);
      await soon(Promise.all(held.map(({ arrived }) => arrived)), 'a request of each of the first five', workers);
      first.kill('SIGTERM');
      const toldAt = performance.now();
      expect(await first.exit).toEqual({ code: 0, signal: null });
      const stoppedMs = performance.now() - toldAt;
      await soon(Promise.all(held.map(({ aborted }) => aborted)), 'the end of the requests', workers);
      const jobs = await Promise.all(load.jobIds.map((jobId) => world.job(jobId)));
      expect(jobs.map((job) => [job?.state, job?.attemptsMade])).toEqual(jobs.map(() => ['waiting', 0]));
      measured(`SIGTERM with 5 jobs that do not end (${queue})`, { 'exited after ms': stoppedMs });
      expect(stoppedMs).toBeLessThan(4_500);

      await startWorker();
      expect(new Set(await expectAllDone(world, load))).toEqual(new Set([1]));
    });

    it('that is told to stop under load finishes what it runs: no job is lost, charged or paid for twice', async () => {
      const first = await startWorker();
      await startWorker();
      const before = (await world.writes()).size;
      const load = await queueStories(world, 60);
      await refinedStories(world, before + 10);
      first.kill('SIGTERM');
      const toldAt = performance.now();
      expect(await first.exit).toEqual({ code: 0, signal: null });
      measured(`SIGTERM under load (${queue})`, { 'exited after ms': performance.now() - toldAt });
      expect(new Set(await expectAllDone(world, load))).toEqual(new Set([1]));
      expect(world.llm.requests()).toHaveLength(60);
    });

    it('prints no key and no text of a story, whatever happens to it', () => {
      expect(world.leaks()).toEqual([]);
    });
  });
}
