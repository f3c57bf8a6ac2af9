import { z } from 'zod';
import { MINUTE, SECOND } from '../clock.ts';
import { defineJob, defineQueue, exponential, whileUnfinished } from './define.ts';

export const dailyBrief = defineQueue({
  queue: 'daily-brief',
  concurrency: 2,
  attempts: 4,
  backoff: exponential(5 * SECOND, 5),
  timeoutMs: 5 * MINUTE,
  keep: { completed: 100, failed: 500 },
});

const payload = z.object({
  dealId: z.uuid(),
  /** A local date of the deal's time zone; today when left out. */
  date: z.iso.date().optional(),
  /** `daily`, or the name of a schedule's report. */
  report: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,59}$/)
    .optional(),
  /** When it was due, where a schedule asked for it. */
  dueAt: z.iso.datetime({ offset: true }).optional(),
  /** It was due while no scheduler ran. */
  late: z.boolean().optional(),
  /** Of the schedule, for its heading. */
  title: z.string().max(200).optional(),
});
export type BriefPayload = z.infer<typeof payload>;

export const briefResult = z.object({
  dealId: z.uuid(),
  /** Local date of the deal's time zone. */
  date: z.string(),
  briefId: z.uuid(),
  editionId: z.uuid(),
  /** 1 for the first of the date. */
  edition: z.int(),
  /** Nothing had changed since the brief before. */
  empty: z.boolean(),
  late: z.boolean(),
  /** What it tells of. */
  facts: z.int(),
  /** Sentences of the model's that said what no fact says. */
  dropped: z.int(),
  provider: z.string(),
  model: z.string(),
  promptVersion: z.string(),
});
export type BriefResult = z.infer<typeof briefResult>;

/** Job ids have no ":". */
const stamp = (dueAt: string): string => new Date(dueAt).toISOString().replace(/[^0-9TZ]/g, '');

export const generate = defineJob({
  queue: 'daily-brief',
  name: 'generate',
  payload,
  result: briefResult,
  // Scheduled ones are made once for ever: the job's own id is the key of a row.
  once: whileUnfinished<BriefPayload>(({ dealId, date, report, dueAt }) =>
    ['daily-brief', dealId, ...(report ? [report] : []), dueAt ? stamp(dueAt) : (date ?? 'today')].join('-'),
  ),
  status: 'ready',
});
