import type { Conversation } from '../lib/db/conversation-types.ts';
import type { AnalyticsJob, CachedMessage, Connection } from '../lib/db/mail-types.ts';
import type { Db, FailedJob, ReviewJob, Story } from '../lib/db/types.ts';
import { NotFoundError } from '../lib/errors.ts';
import type { QueueName } from '../lib/jobs/define.ts';
import { isQueueName, queueNames, rowTableOf } from '../lib/jobs/index.ts';
import type { JobView, QueueService } from '../lib/queue/types.ts';
import type { RowCaller } from './auth.ts';
import { HttpError } from './errors.ts';
import { createVisibleDeals, type VisibleDeals } from './visible-deals.ts';

/** What one caller may see. Whatever is somebody else's answers like what does not exist. */
export interface Visible extends VisibleDeals {
  /** The tables as the caller sees them: a user's under row-level security, with the user's own JWT. */
  rows(caller: RowCaller): ReturnType<Db['forUser']>;
  /** Throws `NotFoundError`. */
  story(caller: RowCaller, id: string): Promise<Story>;
  /** Takes a job's id, or the name that "asking twice" goes by (`story-enhancement-<storyId>`), which means its latest run. Throws `NotFoundError`. */
  job(caller: RowCaller, queue: QueueName, id: string): Promise<JobView>;
  /** Throws `NotFoundError`. */
  reviewJob(caller: RowCaller, id: string): Promise<ReviewJob>;
  /** Throws `NotFoundError`. */
  analyticsJob(caller: RowCaller, id: string): Promise<AnalyticsJob>;
  /** Gmail's ids are unique per user. Throws `NotFoundError`. */
  message(caller: RowCaller, userId: string, id: string): Promise<CachedMessage>;
  /** Throws `NotFoundError`. */
  conversation(caller: RowCaller, id: string): Promise<Conversation>;
  /** Throws `NotFoundError`. */
  connection(caller: RowCaller, id: string): Promise<Connection>;
  /** Throws `NotFoundError`. */
  deadLetter(caller: RowCaller, id: string): Promise<FailedJob>;
}

export function createVisible({ db, queue: queues }: { db: Db; queue: QueueService }): Visible {
  const rows = (caller: RowCaller) => (caller.kind === 'user' ? db.forUser(caller.jwt) : db);

  async function story(caller: RowCaller, id: string): Promise<Story> {
    const found = await rows(caller).stories.get(id);
    if (!found || !mayBe(caller, found.userId)) throw new NotFoundError('Story', id);
    return found;
  }

  async function job(caller: RowCaller, queue: QueueName, id: string): Promise<JobView> {
    // A job with a row has no other name than the row's id.
    const found = (await queues.getJob(queue, id)) ?? (rowTableOf(queue) ? undefined : await latestRun(queue, id));
    if (!found || !mayBe(caller, found.userId)) throw new NotFoundError('Job', id);
    return found;
  }

  async function latestRun(queue: QueueName, onceId: string): Promise<JobView | undefined> {
    const unfinished = await queues.findUnfinished(queue, onceId);
    if (unfinished !== undefined) return queues.getJob(queue, unfinished);
    const storyId = queue === 'story-enhancement' ? storyIdIn(onceId) : undefined;
    const last = storyId === undefined ? undefined : (await db.stories.get(storyId))?.jobId;
    return last ? queues.getJob(queue, last) : undefined;
  }

  async function reviewJob(caller: RowCaller, id: string): Promise<ReviewJob> {
    const found = await rows(caller).reviewJobs.get(id);
    if (!found || !mayBe(caller, found.userId)) throw new NotFoundError('Job', id);
    return found;
  }

  async function analyticsJob(caller: RowCaller, id: string): Promise<AnalyticsJob> {
    const found = await rows(caller).analyticsJobs.get(id);
    if (!found || !mayBe(caller, found.userId)) throw new NotFoundError('Job', id);
    return found;
  }

  async function message(caller: RowCaller, userId: string, id: string): Promise<CachedMessage> {
    const found = await rows(caller).messages.get(id, userId);
    if (!found) throw new NotFoundError('Message', id);
    return found;
  }

  async function conversation(caller: RowCaller, id: string): Promise<Conversation> {
    const found = await rows(caller).conversations.get(id);
    if (!found || !mayBe(caller, found.userId)) throw new NotFoundError('Conversation', id);
    return found;
  }

  async function connection(caller: RowCaller, id: string): Promise<Connection> {
    const found = await rows(caller).connections.get(id);
    if (!found || !mayBe(caller, found.userId)) throw new NotFoundError('Connection', id);
    return found;
  }

  async function deadLetter(caller: RowCaller, id: string): Promise<FailedJob> {
    const found = await rows(caller).failedJobs.get(id);
    if (!found || !mayBe(caller, found.userId)) throw new NotFoundError('Dead letter', id);
    return found;
  }

  const deals = createVisibleDeals(db, rows);
  return { rows, story, job, reviewJob, analyticsJob, message, conversation, connection, deadLetter, ...deals };
}

/** A service that names no user may see all; everybody else their own. */
function mayBe(caller: RowCaller, owner: string | null | undefined): boolean {
  return caller.userId === undefined || caller.userId === owner;
}

/** The story in `story-enhancement-<storyId>`, also where the id of one run goes on after it. */
export function storyIdIn(jobId: string): string | undefined {
  return /^story-enhancement-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-|$)/i.exec(jobId)?.[1]?.toLowerCase();
}

/** Throws 404, listing the legal names. */
export function queueOf(name: string): QueueName {
  if (isQueueName(name)) return name;
  throw new HttpError(404, 'unknown_queue', `There is no queue "${name}". The queues are ${queueNames.join(', ')}.`, { queues: queueNames });
}
