import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { cancelJob, closeQueues, EnqueueError, getJob, InsufficientCreditsError, queueReviewJob, waitForJob } from '../../lib/index.ts';
import { type ApiProcess, eventually, startWorld, type World } from '../support/world.ts';

const QUEUE = 'review-ai';
const payload = { text: 'The room was lovely and the staff were kind.' };

/** An app's own process asks for review jobs; a worker process with no keys does them. */
describe('review jobs asked for by an app', () => {
  let world: World;
  let api: ApiProcess;

  beforeAll(async () => {
    world = await startWorld({ queue: 'redis', env: { AI_PROVIDER: 'local', POLL_INTERVAL_MS: '500' } });
    [api] = await Promise.all([world.startApi(), world.startWorker()]);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await closeQueues();
  });
  afterAll(() => world?.stop());

  const user = async (credits = 10): Promise<string> => {
    const id = randomUUID();
    if (credits > 0) await world.db.credits.grant({ userId: id, amount: credits });
    return id;
  };

  const ways: readonly [string, () => Record<string, string>][] = [
    ['Redis and a Supabase project', () => named(['REDIS_URL', 'SUPABASE_URL', 'SUPABASE_SERVICE_ROLE_KEY'])],
    ['Redis and a database', () => ({ ...named(['REDIS_URL']), DATABASE_URL: world.postgres.url })],
    ['Redis and the API', () => ({ ...named(['REDIS_URL']), HIVEPULSE_URL: api.url, HIVEPULSE_API_KEY: world.env.API_KEYS ?? '' })],
    ['the API alone', () => ({ HIVEPULSE_URL: api.url, HIVEPULSE_API_KEY: world.env.API_KEYS ?? '' })],
  ];
  const named = (names: readonly string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, world.env[name] ?? '']));
  const setEnvironment = (env: Record<string, string>): void => {
    for (const name of ['REDIS_URL', 'SUPABASE_URL', 'SUPABASE_SERVICE_ROLE_KEY', 'DATABASE_URL', 'HIVEPULSE_URL', 'HIVEPULSE_API_KEY'])
      vi.stubEnv(name, env[name]);
  };

  describe.each(ways)('that knows %s', (_, env) => {
    it('are paid, run and answered, and asking twice with a key pays once', async () => {
      setEnvironment(env());
      const userId = await user();
      const asked = await queueReviewJob(userId, 'sentiment_analysis', payload, { idempotencyKey: 'once' });
      expect(asked).toMatchObject({ queue: QUEUE, deduplicated: false });
      expect(await queueReviewJob(userId, 'sentiment_analysis', payload, { idempotencyKey: 'once' })).toEqual({ ...asked, deduplicated: true });
      expect(await waitForJob(QUEUE, asked.jobId, { timeoutMs: 20_000 })).toMatchObject({ label: 'positive' });
      expect(await getJob(QUEUE, asked.jobId)).toMatchObject({ state: 'completed', userId });
      expect(await world.db.credits.balance(userId)).toBe(9);
    });

    it('are refused when the credits are short, and nothing is taken', async () => {
      setEnvironment(env());
      const userId = await user(1);
      const refused = queueReviewJob(userId, 'ai_generation', { review_text: 'Fine.' });
      await expect(refused).rejects.toThrow(InsufficientCreditsError);
      await expect(refused).rejects.toMatchObject({ details: { cost: 2, balance: 1 } });
      expect(await world.db.credits.balance(userId)).toBe(1);
    });

    it('are cancelled before they start, and the credits come back', async () => {
      setEnvironment(env());
      const userId = await user(2);
      const { jobId } = await queueReviewJob(userId, 'ai_generation', { review_text: 'Fine.' }, { delay: 60_000 });
      expect(await world.db.credits.balance(userId)).toBe(0);
      expect(await cancelJob(QUEUE, jobId)).toBe('cancelled');
      expect(await world.db.credits.balance(userId)).toBe(2);
      expect(await world.db.reviewJobs.get(jobId)).toMatchObject({ status: 'cancelled' });
    });

    it('are refused before anything is paid when the payload does not fit', async () => {
      setEnvironment(env());
      const userId = await user(2);
      await expect(queueReviewJob(userId, 'ai_generation', { review: 'wrong name' })).rejects.toThrow('review_text');
      expect(await world.db.credits.balance(userId)).toBe(2);
    });
  });

  it('need a database or the API: Redis alone is told what to set', async () => {
    setEnvironment(named(['REDIS_URL']));
    await expect(queueReviewJob(await user(), 'sentiment_analysis', payload)).rejects.toThrow('SUPABASE_URL');
  });

  it('are taken while Redis is away, and done when it is back', async () => {
    setEnvironment(named(['REDIS_URL', 'SUPABASE_URL', 'SUPABASE_SERVICE_ROLE_KEY']));
    const userId = await user();
    await world.redis?.kill();
    const { jobId } = await queueReviewJob(userId, 'sentiment_analysis', payload);
    await world.redis?.restart();
    await eventually(async () => (await world.db.reviewJobs.get(jobId))?.status === 'completed', 30_000);
  });

  it('are told as unknown with a key when the database is away, and repeating with the key pays once', async () => {
    setEnvironment(named(['REDIS_URL', 'SUPABASE_URL', 'SUPABASE_SERVICE_ROLE_KEY']));
    const userId = await user();
    await queueReviewJob(userId, 'sentiment_analysis', payload, { idempotencyKey: 'warm' });
    world.supabase.pause('replies');
    const error: unknown = await queueReviewJob(userId, 'sentiment_analysis', payload).catch((reason: unknown) => reason);
    world.supabase.resume();
    if (!(error instanceof EnqueueError)) throw new Error('The call was not rejected as an enqueue', { cause: error });
    expect(error.outcome).toBe('unknown');
    const { jobId } = await queueReviewJob(userId, 'sentiment_analysis', payload, { idempotencyKey: error.idempotencyKey });
    await eventually(async () => (await world.db.reviewJobs.get(jobId))?.status === 'completed', 30_000);
    expect(await world.db.credits.balance(userId)).toBe(8);
  });
});
