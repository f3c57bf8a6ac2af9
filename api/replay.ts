import type { Db, FailedJob, FailedJobFilter, ReplayAnswer } from '../lib/db/types.ts';
import { InsufficientCreditsError } from '../lib/errors.ts';
import { findJob } from '../lib/jobs/index.ts';
import { parsePayload } from '../lib/payload.ts';
import type { RowCaller } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import { HttpError } from './errors.ts';
import type { Visible } from './visible.ts';

export interface ReplayMany {
  /** Already held to what the caller may see. */
  filter: FailedJobFilter;
  limit: number;
  perSecond: number;
  requestId: string;
}

/** Rows that one look at the ids of a request reads at most: payloads come along. */
const IDS_PER_LOOK = 100;

/**
 * Puts one dead letter back to work, and tells which job does it. While the queue is away that is the letter's own job, which the relay sends later.
 * Throws 402 when the credits for it are short, 409 when it is under way, `InvalidInputError` when its payload would fail again at once.
 */
export async function replayOne(
  { db, relay }: Pick<ApiDeps, 'db' | 'relay'>,
  caller: RowCaller,
  letter: FailedJob,
  requestId: string,
): Promise<{ jobId: string; deduplicated: boolean }> {
  requireRunnable(letter);
  const { replayed, skipped, outboxIds } = await db.failedJobs.replay({ filter: { ids: [letter.id] }, by: byOf(caller), limit: 1, requestId });
  if (replayed === 0) throw await refusal(db, letter, skipped[0]?.reason);
  const delivered = await relay.deliver(outboxIds);
  return [...delivered.values()][0] ?? { jobId: letter.jobId, deduplicated: false };
}

/** Puts many back to work, so many a second. Ids that the caller cannot see are skipped as `not_found`. */
export async function replayMany(
  { db, relay }: Pick<ApiDeps, 'db' | 'relay'>,
  visible: Visible,
  caller: RowCaller,
  { filter, ...rest }: ReplayMany,
): Promise<Pick<ReplayAnswer, 'replayed' | 'skipped'>> {
  const known = filter.ids && (await visibleIds(visible, caller, filter));
  const missing = (filter.ids ?? []).filter((id) => !known?.has(id)).map((id) => ({ id, reason: 'not_found' }));
  if (known?.size === 0) return { replayed: 0, skipped: missing };
  const seen = known ? { ...filter, ids: [...known] } : filter;
  const { replayed, skipped } = await db.failedJobs.replay({ ...rest, filter: seen, by: byOf(caller) });
  relay.poke();
  return { replayed, skipped: [...missing, ...skipped] };
}

async function visibleIds(visible: Visible, caller: RowCaller, { ids = [], ...filter }: FailedJobFilter): Promise<Set<string>> {
  const found = new Set<string>();
  for (let start = 0; start < ids.length; start += IDS_PER_LOOK) {
    const look = ids.slice(start, start + IDS_PER_LOOK);
    const { items } = await visible.rows(caller).failedJobs.list({ ...filter, ids: look, limit: look.length });
    for (const { id } of items) found.add(id);
  }
  return found;
}

/** Who is written down as having asked. */
function byOf(caller: RowCaller): string {
  return caller.kind === 'user' ? caller.userId : 'service';
}

function requireRunnable({ queue, name, payload }: FailedJob): void {
  const definition = findJob(queue, name);
  if (definition?.status !== 'ready') {
    throw new HttpError(422, 'unknown_job', `This version of Hivepulse cannot run "${name}" on ${queue}: the dead letter stays.`);
  }
  parsePayload(definition, payload, 'payload');
}

async function refusal(db: Db, letter: FailedJob, reason: string | undefined): Promise<Error> {
  const details = { id: letter.id, jobId: letter.jobId };
  if (reason === 'insufficient_credits') return shortOfCredits(db, letter);
  if (reason === 'not_found')
    return new HttpError(404, 'not_found', `The row of job ${letter.jobId} is gone: there is nothing left to run.`, details);
  // Also when another request replays it at this very moment.
  return new HttpError(409, 'not_failed', `Job ${letter.jobId} is under way or done: there is nothing to replay.`, details);
}

async function shortOfCredits({ reviewJobs, credits }: Db, letter: FailedJob): Promise<Error> {
  const job = await reviewJobs.get(letter.jobId);
  const [prices, balance] = await Promise.all([credits.prices(), job?.userId ? credits.balance(job.userId) : 0]);
  return new InsufficientCreditsError(job?.creditsCost ?? prices[letter.name] ?? 0, balance);
}
