import { z } from 'zod';
import type { OptionValues } from './command.ts';
import { option } from './command.ts';
import { queueName, text, time } from './values.ts';

/** What dead letters are searched by, in every command about them. */
export const filters = {
  queue: option(queueName, 'of this queue'),
  type: option(text('name'), 'of this kind of job, for example enhance'),
  user: option(text('id'), 'of this user'),
  fingerprint: option(text('f'), 'with this cause: see dead-letters groups'),
  since: option(time, 'failed since then: 2h (ago), 2026-11-22, 2026-11-22T06:30Z'),
  until: option(time, 'failed before then'),
  text: option(text('text'), 'has this text in its error or payload'),
};
type Filters = OptionValues<typeof filters>;

/** The names that the API has for them; absent where not given. */
export function filterOf({ queue, type, user, fingerprint, since, until, text: words }: Filters): Record<string, string> {
  const named = { queue, name: type, userId: user, fingerprint, since, until, text: words };
  return Object.fromEntries(Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

export const deadLetter = z.looseObject({
  id: z.string(),
  queue: z.string(),
  name: z.string(),
  jobId: z.string(),
  run: z.number(),
  payload: z.unknown(),
  error: z.string(),
  fingerprint: z.string(),
  stack: z.string().nullish(),
  attempts: z.number(),
  userId: z.string().nullable(),
  correlationId: z.string().nullable(),
  failedAt: z.string(),
  replayedAt: z.string().nullable(),
  replayedJobId: z.string().nullable(),
  replayedBy: z.string().nullish(),
});
export type DeadLetter = z.infer<typeof deadLetter>;

export const deadLetterPage = z.object({ deadLetters: z.array(deadLetter), nextCursor: z.string().nullable() });

const group = z.looseObject({
  fingerprint: z.string(),
  queue: z.string(),
  name: z.string(),
  error: z.string(),
  count: z.number(),
  open: z.number(),
  users: z.number(),
  firstAt: z.string(),
  lastAt: z.string(),
  sampleId: z.string(),
});
export type Group = z.infer<typeof group>;
export const groupList = z.object({ groups: z.array(group) });

/** The most that the API gives at once. */
export const PAGE = 100;
