import { z } from 'zod';
import type { QueueDefinition, QueueName } from '../../jobs/define.ts';
import { queueNames, queues } from '../../jobs/index.ts';
import { anyText, flag, milliseconds, oneOf, wholeNumber } from '../values.ts';
import { variable } from '../variable.ts';

/** For every queue that has no number of its own. */
export const allQueuesVariables = {
  WORKER_CONCURRENCY: variable(wholeNumber(1, 1_000), {
    meaning: 'Jobs that one worker process runs at a time, for each queue. Not set: the number of each queue, below.',
  }),
  WORKER_MAX_ATTEMPTS: variable(wholeNumber(1, 100), { meaning: 'Attempts including the first run, for all queues. Wins over MAX_RETRIES.' }),
  MAX_RETRIES: variable(wholeNumber(0, 99), { meaning: 'Attempts after the first run, for all queues (attempts - 1).' }),
  WORKER_BACKOFF_DELAY: variable(milliseconds(0), {
    meaning: 'Wait before the second attempt in ms, for all queues; it grows from there, up to 15 min.',
  }),
  FAIRNESS: variable(flag, {
    meaning:
      'Whether the users (or deals) of a queue take turns. Off: jobs run in the order they came, and whoever queues 10,000 keeps the others waiting.',
    default: 'true',
  }),
};

/** The end of `<QUEUE>_…`, for example STORY_ENHANCEMENT_CONCURRENCY. Defaults are the numbers of the queue: see `queueDefault`. */
export const queueSettings = z.object({
  CONCURRENCY: variable(wholeNumber(1, 1_000), { meaning: 'Jobs that one worker process runs at a time.' }),
  ATTEMPTS: variable(wholeNumber(1, 100), { meaning: 'Attempts including the first run.' }),
  TIMEOUT_MS: variable(milliseconds(1_000), { meaning: 'Longest run of one attempt, in ms.' }),
  BACKOFF_DELAY: variable(milliseconds(0), { meaning: 'Wait before the second attempt, in ms; it grows from there, up to 15 min.' }),
  KEEP_COMPLETED: variable(wholeNumber(0, 1_000_000), { meaning: 'Completed jobs that stay visible in the queue. Many fill Redis.' }),
  KEEP_FAILED: variable(wholeNumber(0, 1_000_000), {
    meaning: 'Failed jobs that stay visible in the queue; dead letters stay in the database anyway.',
  }),
  FAIRNESS: variable(flag, { meaning: 'As FAIRNESS, for this queue.' }),
  MAX_PER_KEY: variable(wholeNumber(0, 10_000), {
    meaning: 'Jobs of one user (or deal) that run at a time, in all worker processes together; 0 = any number. The same in every worker.',
  }),
  MAX_ACTIVE: variable(wholeNumber(0, 100_000), {
    meaning: 'Jobs of the queue that run at a time, in all worker processes together; 0 = any number. The last worker to start decides.',
  }),
  AI_PROVIDER: variable(oneOf('auto', 'openai', 'anthropic', 'local'), { meaning: 'As AI_PROVIDER, for this queue.' }),
  AI_MODEL: variable(anyText, { meaning: 'Model for this queue.' }),
});
export type QueueSetting = keyof typeof queueSettings.shape;

export const queueSettingNames = queueSettings.keyof().options;

/** Input: `{ 'story-enhancement': { CONCURRENCY: '5' }, … }`. */
export const allQueueSettings = z.record(z.enum(queueNames), queueSettings);

export function queueVariable(queue: QueueName, setting: QueueSetting): string {
  return `${queue.replaceAll('-', '_').toUpperCase()}_${setting}`;
}

/** As it would stand in `.env`; undefined where there is none. */
export function queueDefault(queue: QueueName, setting: QueueSetting): string | undefined {
  const { concurrency, attempts, timeoutMs, backoff, keep }: QueueDefinition = queues[queue];
  const numbers: Partial<Record<QueueSetting, number>> = {
    CONCURRENCY: concurrency,
    ATTEMPTS: attempts,
    TIMEOUT_MS: timeoutMs,
    BACKOFF_DELAY: backoff.delayMs,
    KEEP_COMPLETED: keep.completed,
    KEEP_FAILED: keep.failed,
    MAX_PER_KEY: 0,
    MAX_ACTIVE: 0,
  };
  return numbers[setting]?.toString();
}
