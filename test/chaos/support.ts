import { expect } from 'vitest';
import type { Story } from '../../lib/db/types.ts';
import type { TestProcess } from '../support/process.ts';
import { eventually, QUEUE, type World } from '../support/world.ts';

/** Crashes are noticed after seconds instead of half a minute, and nothing that a test looks at is thrown away. */
export const QUICK = {
  LOCK_DURATION_MS: '1500',
  STALLED_INTERVAL_MS: '1000',
  SWEEP_INTERVAL_MS: '1000',
  STORY_ENHANCEMENT_KEEP_COMPLETED: '1000',
  STORY_ENHANCEMENT_KEEP_FAILED: '1000',
  STORY_ENHANCEMENT_BACKOFF_DELAY: '1000',
};

/** What a chaos test is run for besides its verdict. */
export function measured(what: string, figures: Readonly<Record<string, number | string>>): void {
  const parts = Object.entries(figures).map(([name, value]) => `${name} ${typeof value === 'number' ? Math.round(value) : value}`);
  process.stdout.write(`  measured: ${what}: ${parts.join(', ')}\n`);
}

/** `promise`, or after half a minute an error with the last words of `processes`. */
export async function soon<T>(promise: Promise<T>, what: string, processes: readonly TestProcess[]): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const words = processes.map(({ lines, errorLines }) => [...lines.slice(-10), ...errorLines.slice(-10)].join('\n'));
      reject(new Error(`${what} has not come:\n${words.join('\n---\n')}`));
    }, 30_000);
  });
  return Promise.race([promise, expired]).finally(() => clearTimeout(timer));
}

/** `work`, or at once an error with its last words when one of `processes` ends by itself: an outage of others is no reason to die. */
export function unlessEnded<T>(processes: readonly TestProcess[], work: Promise<T>): Promise<T> {
  const deaths = processes.map(async ({ exit, lines, errorLines }) => {
    const { code, signal } = await exit;
    throw new Error(`A process ended by itself (${signal ?? code}):\n${[...lines.slice(-3), ...errorLines.slice(-15)].join('\n')}`);
  });
  return Promise.race([work, ...deaths]);
}

export interface Load {
  stories: Story[];
  jobIds: string[];
}

export async function queueStories(world: World, count: number): Promise<Load> {
  const stories = await Promise.all(Array.from({ length: count }, () => world.createStory()));
  const jobIds = await Promise.all(stories.map((story) => world.enhance(story)));
  return { stories, jobIds };
}

/** Resolves when so many results are stored. */
export function refinedStories(world: World, count: number, timeoutMs = 60_000): Promise<number> {
  return eventually(async () => {
    const written = (await world.writes()).size;
    return written >= count && written;
  }, timeoutMs);
}

/** Every job has completed, every story is refined and was written exactly once, and there is no dead letter. Resolves to the jobs' attempts. */
export async function expectAllDone(world: World, { stories, jobIds }: Load, timeoutMs = 90_000): Promise<number[]> {
  await eventually(async () => {
    const counts = (await world.service.stats())[QUEUE];
    return counts.waiting + counts.active + counts.delayed === 0;
  }, timeoutMs);
  const jobs = await Promise.all(jobIds.map((jobId) => world.job(jobId)));
  expect(jobs.filter((job) => job?.state !== 'completed')).toEqual([]);
  const writes = await world.writes();
  expect(stories.filter(({ id }) => writes.get(id) !== 1).map(({ id }) => ({ id, writes: writes.get(id) }))).toEqual([]);
  const unrefined =
    await world.sql`select id, scoring_status from stories where id in ${world.sql(stories.map(({ id }) => id))} and scoring_status <> 'refined'`;
  expect([...unrefined]).toEqual([]);
  expect([...(await world.sql`select job_id, error from failed_jobs where job_id in ${world.sql(jobIds)}`)]).toEqual([]);
  return jobs.map((job) => job?.attemptsMade ?? 0);
}
