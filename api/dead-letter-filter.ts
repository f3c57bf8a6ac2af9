import { z } from 'zod';
import type { FailedJobFilter } from '../lib/db/types.ts';
import type { RowCaller } from './auth.ts';
import { HttpError } from './errors.ts';
import { queueName } from './schemas.ts';
import { queueOf } from './visible.ts';

/** Not transformed here: zod leaves the examples out of the docs of bodies that are. */
const time = z.union([z.iso.datetime({ offset: true }), z.iso.date()], 'must be a time such as 2026-11-22T08:00:00Z, or a date');

/** NUL is nothing to the database, and nothing stands in every text. */
const hasWords = (text: string): boolean => text.replaceAll('\u0000', '').trim() !== '';

/** What dead letters are searched by; in the query of a list and in the body of a replay. */
export const deadLetterConditions = z.strictObject({
  queue: queueName.optional(),
  name: z.string().min(1).max(100).optional().describe('Kind of job, for example `enhance`'),
  userId: z.string().min(1).max(200).optional().describe('For services; users find their own'),
  fingerprint: z.string().min(1).max(100).optional().describe('Failures with one cause share it: see GET /api/dead-letters/groups'),
  since: time.optional().describe('Failed at this time or later'),
  until: time.optional().describe('Failed before this time'),
  text: z.string().max(200).refine(hasWords, 'must not be blank').optional().describe('Stands in the error or the payload, whatever the case'),
});

export type DeadLetterConditions = z.infer<typeof deadLetterConditions> & { replayed?: boolean | undefined };

/** Whoever acts for a user finds that user's letters, and is told so when asking for another's. Throws 403, and 404 for an unknown queue. */
export function deadLetterFilter(caller: RowCaller, conditions: DeadLetterConditions): FailedJobFilter {
  const { queue, userId, since, until, ...rest } = conditions;
  if (caller.userId !== undefined && userId !== undefined && userId !== caller.userId) {
    throw new HttpError(403, 'forbidden', 'Only a service that acts for nobody may look for the dead letters of another user.');
  }
  const owner = caller.userId ?? userId;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    ...given,
    ...(queue ? { queue: queueOf(queue) } : {}),
    ...(owner ? { userId: owner } : {}),
    ...(since ? { since: toInstant(since) } : {}),
    ...(until ? { until: toInstant(until) } : {}),
  };
}

/** A date alone means its midnight in UTC; the database would take that of its own time zone. */
function toInstant(time: string): string {
  return new Date(time).toISOString();
}
