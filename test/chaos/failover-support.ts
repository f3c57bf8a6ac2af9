import { expect, vi } from 'vitest';
import type { Story } from '../../lib/db/types.ts';
import * as helpers from '../../lib/index.ts';
import type { TestProcess } from '../support/process.ts';
import { eventually, JUDGEMENT } from '../support/world.ts';
import { allEnded, expectNothingLostOrTwice, type RelayChaos, recovery, replayStalled, SENTIMENT, startRelayChaos, told } from './relay-support.ts';
import { unlessEnded } from './support.ts';

const WORKERS = 2;
/** Of each kind of asking, before, during and after the failover. */
const SHARE = 60;
const HELPER_SHARE = 20;
const STORIES = 15;

export interface Failover {
  world: RelayChaos;
  workers: readonly TestProcess[];
  /** What has been asked for so far. */
  rows: number;
  stories: Story[];
  /** Calls of the helpers that were rejected, by code; each was repeated with its idempotency key until it was taken. */
  rejected: Record<string, number>;
}

/** Review jobs and stories, three workers, and `lib/index.ts` as an app has it, on the Redis that `redisAt` names. */
export async function startFailover(redisAt: Readonly<Record<string, string>>): Promise<Failover> {
  const env = { STORY_ENHANCEMENT_BACKOFF_DELAY: '200', STORY_ENHANCEMENT_KEEP_COMPLETED: '1000', LOCK_DURATION_MS: '3000' };
  const world = await startRelayChaos({ queue: 'redis', redisAt, latencyMs: 100, env });
  // One server answers for both kinds.
  world.llm.answerWith(({ schema }: { schema?: Readonly<Record<string, unknown>> }) =>
    JSON.stringify(schema).includes('hypeScore') ? JUDGEMENT : SENTIMENT,
  );
  for (const [name, value] of Object.entries(world.env)) vi.stubEnv(name, value);
  const workers: TestProcess[] = [];
  for (let worker = 0; worker < WORKERS; worker += 1) workers.push(await world.startWorker());
  return { world, workers, rows: 0, stories: [], rejected: {} };
}

/** Rows by one INSERT, rows by the helper, and stories, which are asked for on Redis itself. */
async function ask(failover: Failover): Promise<void> {
  const { world } = failover;
  await world.insert(SHARE);
  const byHelper = Array.from({ length: HELPER_SHARE }, (_, index) => {
    const user = world.users[index % world.users.length] ?? '';
    return repeated(failover, (options) => helpers.queueReviewJob(user, 'sentiment_analysis', { text: 'I love it.' }, options));
  });
  const stories = await Promise.all(Array.from({ length: STORIES }, () => world.createStory()));
  const byRedis = stories.map(async ({ id }) => {
    const { jobId } = await repeated(failover, (options) => helpers.queueStoryEnhancement(id, options));
    await world.db.stories.queued(id, jobId);
  });
  await Promise.all([...byHelper, ...byRedis]);
  failover.rows += SHARE + HELPER_SHARE;
  failover.stories.push(...stories);
}

/** As an app would: a call that was rejected is made again, with the key that its error carries. */
async function repeated<T>(failover: Failover, call: (options: { idempotencyKey?: string }) => Promise<T>): Promise<T> {
  let options: { idempotencyKey?: string } = {};
  return eventually(async () => {
    try {
      return await call(options);
    } catch (error) {
      if (!(error instanceof helpers.HivepulseError)) throw error;
      failover.rejected[error.code] = (failover.rejected[error.code] ?? 0) + 1;
      if ('idempotencyKey' in error && typeof error.idempotencyKey === 'string') options = { idempotencyKey: error.idempotencyKey };
      return undefined;
    }
  }, 60_000);
}

/**
 * Asks before, during and after `failOver`, which begins at once and resolves when Redis is to be had again. Every row ends once with one result and is charged once, every story
 * is written once, and the workers are the ones that were there before.
 */
export async function survives(failover: Failover, what: string, failOver: () => Promise<void>): Promise<void> {
  const { world, workers } = failover;
  await ask(failover);
  await eventually(async () => ((await world.counts()).completed ?? 0) >= failover.rows - SHARE, 60_000);
  const startedAt = performance.now();
  const away = failOver();
  const during = ask(failover);
  await unlessEnded(workers, away);
  const awayMs = performance.now() - startedAt;
  const backAt = await world.now();
  await unlessEnded(workers, during);
  await unlessEnded(workers, ask(failover));
  await unlessEnded(workers, allEnded(world));
  told(
    `${what}: primary there again after ${(awayMs / 1000).toFixed(1)} s; ${await recovery(world, backAt)}; rejected calls ${JSON.stringify(failover.rejected)}`,
  );
  const replayed = await replayStalled(world);
  if (replayed > 0) told(`${what}: ${replayed} rows had lost their lock twice and were replayed`);
  expect(await allEnded(world)).toEqual({ completed: failover.rows });
  await expectNothingLostOrTwice(world);
  await unlessEnded(workers, storiesDone(failover, what));
}

/** Stories are swept too, by the job that they name. A story may be scored twice (its job's end was lost), it is never left behind. */
async function storiesDone({ world, stories }: Failover, what: string): Promise<void> {
  const left = () => world.sql`select id, scoring_status from stories where scoring_status <> 'refined'`;
  await eventually(async () => (await left()).length === 0, 60_000).catch(async () => expect([...(await left())]).toEqual([]));
  const writes = await world.writes();
  const again = stories.filter(({ id }) => (writes.get(id) ?? 0) > 1).length;
  told(`${what}: ${stories.length} stories refined, ${again} of them more than once`);
  expect(stories.filter(({ id }) => !writes.has(id))).toEqual([]);
}

/** How often the sweep of any worker has asked again for what had vanished from Redis. */
export function sweptBy({ workers }: Failover): number {
  const entries = workers.flatMap(({ lines }) => lines).filter((line) => line.includes('swept: jobs had vanished'));
  return entries.reduce((sum, line) => sum + Number(JSON.parse(line).resent ?? 0), 0);
}

export async function stopFailover(failover: Failover | undefined): Promise<void> {
  await helpers.closeQueues().catch(() => undefined);
  vi.unstubAllEnvs();
  await failover?.world.stop();
}

/** The same processes as at the start, which end when they are told to. */
export async function expectStillThere({ world, workers }: Failover): Promise<void> {
  for (const each of workers) each.kill('SIGTERM');
  expect(await Promise.all(workers.map(({ exit }) => exit))).toEqual(workers.map(() => ({ code: 0, signal: null })));
  expect(world.leaks()).toEqual([]);
}
