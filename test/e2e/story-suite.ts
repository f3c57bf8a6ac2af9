import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FailedJob, Story } from '../../lib/db/types.ts';
import type { LlmRequest } from '../support/llm.ts';
import type { TestProcess } from '../support/process.ts';
import { type ApiProcess, eventually, JUDGEMENT, newStoryBody, QUEUE, startWorld, type World } from '../support/world.ts';

const asker = fileURLToPath(import.meta.resolve('./asker.ts'));

/** The product's main job over real processes: an API and workers on `queue`, a database, and a model over HTTP. */
export function describeStories(queue: 'redis' | 'postgres'): void {
  let world: World;
  let worker: TestProcess;
  let api: ApiProcess;

  beforeAll(async () => {
    world = await startWorld({ queue });
    [worker, api] = await Promise.all([world.startWorker(), world.startApi()]);
  });
  afterAll(() => world?.stop());

  const asked = (story: Pick<Story, 'title'>): LlmRequest[] => world.llm.requests().filter(({ body }) => JSON.stringify(body).includes(story.title));

  const deadLetters = async (jobId: string): Promise<FailedJob[]> => {
    const { body } = await api.call('GET', '/api/dead-letters?limit=100');
    return body.data.deadLetters.filter((letter: FailedJob) => letter.jobId === jobId);
  };

  /** How a job ended that cannot succeed: its state, and its one dead letter. */
  const failure = async (jobId: string) => {
    const { state, attemptsMade } = await world.ended(jobId);
    const letters = await deadLetters(jobId);
    expect(letters).toHaveLength(1);
    return { state, attemptsMade, recordedAttempts: letters[0]?.attempts, error: letters[0]?.error ?? '', letter: letters[0] };
  };

  describe(`a story, with the queues in ${queue}`, () => {
    it('has local scores at once and refined ones after, is booked, and keeps the correlation id of the request to the last log line', async () => {
      const posted = newStoryBody();
      const correlationId = `request-${randomUUID()}`;
      const { status, headers, body } = await api.call('POST', '/api/stories', posted, { 'x-correlation-id': correlationId });
      expect({ status, correlationId: headers.get('x-correlation-id') }).toEqual({ status: 201, correlationId });
      const { id, hypeScore, ethicsScore, runJobId } = body.data.story;
      const story = await world.story(id);
      expect([hypeScore, ethicsScore]).toEqual([story.localScores.hypeScore, story.localScores.ethicsScore]);

      const job = await world.ended(runJobId);
      expect(job).toMatchObject({ state: 'completed', attemptsMade: 1, correlationId });
      const shown = (await api.call('GET', `/api/stories/${id}`)).body.data.story;
      expect(shown).toMatchObject({ ...JUDGEMENT, scoringStatus: 'refined', localScores: story.localScores, model: 'gpt-6-luna' });
      expect((await world.writes()).get(id)).toBe(1);

      const usage = await world.sql`select * from ai_usage where job_id = ${runJobId}`;
      expect(usage).toHaveLength(1);
      expect(usage[0]).toMatchObject({ queue: QUEUE, provider: 'openai', input_tokens: 100, output_tokens: 20, prompt_id: 'story-enhancement' });
      expect(Number(usage[0]?.cost_usd)).toBeGreaterThan(0);

      await worker.entry((entry) => entry.message === 'job completed' && entry.jobId === runJobId);
      const lines = worker.lines.map((line) => JSON.parse(line)).filter((line) => line.jobId === runJobId);
      expect(lines.length).toBeGreaterThanOrEqual(3);
      expect(new Set(lines.map((line) => line.correlationId))).toEqual(new Set([correlationId]));
    });

    it('that has not changed is not paid for twice, unless forced', async () => {
      const story = await world.createStory();
      await world.ended(await world.enhance(story));
      const again = await world.ended(await world.enhance(story));
      expect(again.result).toMatchObject({ unchanged: true, enhancedScores: { hypeScore: JUDGEMENT.hypeScore } });
      expect(asked(story)).toHaveLength(1);

      const { body } = await api.call('POST', `/api/stories/${story.id}/enhance`, { force: true });
      const forced = await world.ended(body.data.runJobId);
      expect(forced).toMatchObject({ state: 'completed', result: { unchanged: false } });
      expect(asked(story)).toHaveLength(2);
    });

    it('that does not exist fails at once, naming its id; once it exists its dead letter can be replayed', async () => {
      const id = randomUUID();
      const enqueued = await api.call('POST', `/api/queue/${QUEUE}/jobs`, { name: 'enhance', payload: { storyId: id } });
      const { jobId } = enqueued.body.data;
      const { error, letter, ...ended } = await failure(jobId);
      expect(ended).toEqual({ state: 'failed', attemptsMade: 1, recordedAttempts: 1 });
      expect(error).toContain(id);

      const { title, content } = newStoryBody();
      const other = await world.createStory();
      await world.sql`insert into stories (id, title, content, local_scores) select ${id}, ${title}, ${content}, local_scores from stories where id = ${other.id}`;
      const replayed = await api.call('POST', '/api/dead-letters/replay', { id: letter?.id });
      expect(replayed).toMatchObject({ status: 202, body: { data: { jobId } } });
      expect(await world.ended(jobId)).toMatchObject({ state: 'completed' });
      expect(await world.story(id)).toMatchObject({ scoringStatus: 'refined' });
      expect((await deadLetters(jobId))[0]).toMatchObject({ replayedJobId: jobId, replayedAt: expect.any(String) });
    });

    it('asked for by a payload put into the queue by hand that does not parse becomes a dead letter at once', async () => {
      const queued = world.backend.queue(QUEUE);
      const meta = { correlationId: 'by-hand', enqueuedAt: new Date().toISOString() };
      const badPayload = await queued.add('enhance', { v: 1, payload: { storyId: 'none' }, meta }, { attempts: 3, jobId: 'by-hand-payload' });
      const badEnvelope = await queued.add('enhance', 'enhance it!', { attempts: 3, jobId: 'by-hand-envelope' });
      const badName = await queued.add('enchant', { v: 1, payload: {}, meta }, { attempts: 3, jobId: 'by-hand-name' });
      for (const [job, named] of [
        [badPayload, 'storyId'],
        [badEnvelope, 'Not a Hivepulse job'],
        [badName, 'enchant'],
      ] as const) {
        const { error, letter: _, ...ended } = await failure(job.id ?? '');
        expect(ended).toEqual({ state: 'failed', attemptsMade: 1, recordedAttempts: 1 });
        expect(error).toContain(named);
      }
    });

    it('that the model answers with garbage twice keeps its local scores', async () => {
      const story = await world.createStory();
      world.llm.garbage(2);
      const { letter: _, error, ...ended } = await failure(await world.enhance(story));
      expect(ended).toEqual({ state: 'failed', attemptsMade: 1, recordedAttempts: 1 });
      expect(error).toContain('answer');
      expect(asked(story)).toHaveLength(2);
      const { scoringStatus, hypeScore, ethicsScore, refinedScores, localScores } = await world.story(story.id);
      expect({ scoringStatus, refinedScores }).toEqual({ scoringStatus: 'failed', refinedScores: null });
      expect([hypeScore, ethicsScore]).toEqual([localScores.hypeScore, localScores.ethicsScore]);
      expect((await world.writes()).has(story.id)).toBe(false);
    });

    it('is asked about again after a 500', async () => {
      const story = await world.createStory();
      world.llm.fail(500);
      const job = await world.ended(await world.enhance(story));
      expect(job).toMatchObject({ state: 'completed', attemptsMade: 2 });
      expect(asked(story).map(({ status }) => status)).toEqual([500, 200]);
    });

    it('fails at once where the key is refused, and the error names the variable', async () => {
      const story = await world.createStory();
      world.llm.fail(401);
      const { error, letter: _, ...ended } = await failure(await world.enhance(story));
      expect(ended).toEqual({ state: 'failed', attemptsMade: 1, recordedAttempts: 1 });
      expect(error).toContain('OPENAI_API_KEY');
      expect(asked(story)).toHaveLength(1);
    });

    it('waits as long as a 429 says, uncharged, and so does another queue in another process', async () => {
      const other = world.start(asker);
      await other.entry(({ message }) => message === 'asker ready');
      const [story, second] = [await world.createStory(), await world.createStory()];
      world.llm.fail(429, { 'retry-after': '2' });
      const jobId = await world.enhance(story);
      await worker.entry((entry) => entry.message === 'job waits for a limit' && entry.jobId === jobId);
      other.kill('SIGUSR2');
      const secondId = await world.enhance(second);
      await other.entry(({ message, error }) => message === 'asker refused' && String(error).includes('provider:openai'));
      expect(await world.job(jobId)).toMatchObject({ state: 'delayed', attemptsMade: 0 });

      await other.entry(({ message }) => message === 'asker answered');
      expect(await world.ended(jobId)).toMatchObject({ state: 'completed', attemptsMade: 1 });
      expect(await world.ended(secondId)).toMatchObject({ state: 'completed', attemptsMade: 1 });
      const requests = world.llm.requests();
      const refused = requests.findIndex(({ status }) => status === 429);
      const [limited, next] = [requests[refused], requests[refused + 1]];
      expect(limited?.user).toContain(story.title);
      expect((next?.at ?? 0) - (limited?.at ?? 0)).toBeGreaterThanOrEqual(2_000);
      await other.stop();
    });

    it('is still scored by a worker that needs no model while the model must not be asked', async () => {
      const local = await world.startWorker({ STORY_ENHANCEMENT_AI_PROVIDER: 'local' });
      await world.backend.store.limit('provider:openai', Date.now() + 600_000);
      const before = world.llm.requests().length;
      // Either worker may get a story; those that the other one got wait.
      const states = new Set<string>();
      const refined = await eventually(async () => {
        const jobId = await world.enhance(await world.createStory());
        const job = await eventually(async () => {
          const seen = await world.job(jobId);
          return seen && ['completed', 'delayed'].includes(seen.state) ? seen : undefined;
        });
        states.add(job.state);
        return states.size === 2 && job.state === 'completed' && job;
      });
      expect(refined.result).toMatchObject({ provider: 'local', unchanged: false });
      expect(world.llm.requests()).toHaveLength(before);
      await local.stop();
    });

    it('lets no key and no text of a story into any output', () => {
      expect(world.leaks()).toEqual([]);
    });
  });
}
