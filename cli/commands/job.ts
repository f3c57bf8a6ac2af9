import { NotFoundError, UnavailableError } from '../../lib/errors.ts';
import type { QueueName } from '../../lib/jobs/define.ts';
import type { JobView } from '../../lib/queue/types.ts';
import type { Api } from '../api.ts';
import { argument, type Context, defineCommand, flag } from '../command.ts';
import { oneLine, pretty, record } from '../table.ts';
import { absolute } from '../time.ts';
import { queueName, text } from '../values.ts';

export const job = defineCommand({
  name: 'job',
  summary: 'A job: its state, progress, result or error',
  details: ['With --follow the exit code is 1 when the job has failed or was cancelled; its progress goes to standard error.'],
  examples: ['job review-ai 0d5f6f1e-8d0c-4a43-9d51-1f3c0c3f0a11', 'job story-enhancement story-enhancement-<story id> --follow'],
  arguments: { queue: argument(queueName, 'where it is'), id: argument(text('id'), 'of the job') },
  options: { follow: flag('stay until it has ended, and show its progress') },
  async run({ queue, id }, { follow }, context) {
    const api = await context.api();
    const found = (follow ? await untilEnded(api, queue, id, context) : undefined) ?? (await api.getJob(queue, id));
    if (found === undefined) throw new NotFoundError(`Job on ${queue}`, id);
    return { data: found, text: describe(found, context.clock.now()), ok: !follow || found.state === 'completed' };
  },
});

/** A stream that is cut for this often without a word in between is given up. */
const CUTS_IN_A_ROW = 5;
const ENDED: readonly string[] = ['completed', 'failed', 'cancelled', 'removed'];

/** Opens the stream anew when it is cut: it begins with the job's state, so nothing is missed. */
async function untilEnded(api: Api, queue: QueueName, id: string, { err, json }: Context): Promise<JobView | undefined> {
  const tell = json ? () => undefined : err;
  for (let cuts = 0; cuts < CUTS_IN_A_ROW; cuts += 1) {
    try {
      for await (const { name, data } of api.jobEvents(queue, id)) {
        cuts = 0;
        if (ENDED.includes(name)) return await api.getJob(queue, id);
        tell(lineOf(name, data));
      }
    } catch (error) {
      // What breaks off in the middle of a stream is an error of fetch; an answer that refuses it is one of ours.
      if (error instanceof Error && 'retryable' in error && error.retryable !== true) throw error;
    }
  }
  throw new UnavailableError(`The events of job ${id} broke off ${CUTS_IN_A_ROW} times; it goes on`);
}

/** `state` and `progress` come with data: see `api/routes/job-events.ts`. */
function lineOf(name: string, data: unknown): string {
  const { state, progress, total, current_step: step } = (typeof data === 'object' ? data : {}) as Record<string, unknown>;
  if (name === 'progress') return oneLine(`${progress}/${total} ${step}`);
  return oneLine(String(name === 'state' ? state : name));
}

function describe(found: JobView, now: number): string {
  const { progress } = found;
  const time = (iso: string | undefined): string | undefined => iso && absolute(iso, now);
  return record([
    ['job', found.id],
    ['queue', found.queue],
    ['kind', found.name],
    ['state', found.state],
    ['attempts', `${found.attemptsMade} of ${found.attempts}`],
    ['user', found.userId],
    ['progress', progress && `${progress.progress}/${progress.total} ${progress.current_step}`],
    ['created', time(found.createdAt)],
    ['started', time(found.startedAt)],
    ['finished', time(found.finishedAt)],
    ['correlation', found.correlationId || undefined],
    ['error', found.error],
    ['payload', pretty(found.payload)],
    ['result', found.result === undefined ? undefined : pretty(found.result)],
  ]);
}
