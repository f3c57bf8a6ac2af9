import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { messageOf, NotFoundError } from '../../lib/errors.ts';
import type { QueueName } from '../../lib/jobs/define.ts';
import type { JobEvent, JobView } from '../../lib/queue/types.ts';
import { rowCallerOf } from '../access.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import type { EventTokens } from '../events-token.ts';
import { answer, failures, jobId, queueName, success } from '../schemas.ts';
import { END_ID, type EventStream, type Streams } from '../sse.ts';
import { queueOf, type Visible } from '../visible.ts';

const tags = ['queues'];
const queueParams = z.object({ queue: queueName });
const jobParams = queueParams.extend({ id: jobId });

export interface JobEventDeps extends Pick<ApiDeps, 'queue' | 'log'> {
  visible: Visible;
  streams: Streams;
  tokens: EventTokens;
  recheckMs: number;
}

export function jobEventRoutes(app: App, deps: JobEventDeps): void {
  app.post('/api/queue/:queue/jobs/:id/events-token', {
    schema: {
      tags,
      summary: 'A token that opens the event stream of this job within 60 s, for browsers',
      params: jobParams,
      response: { 201: success(z.object({ token: z.string(), expiresAt: z.string() })), ...failures },
    },
    handler: async (request, reply) => {
      const caller = rowCallerOf(request);
      const job = await deps.visible.job(caller, queueOf(request.params.queue), request.params.id);
      return reply.code(201).send(answer(deps.tokens.issue({ queue: job.queue, jobId: job.id, owner: caller.key })));
    },
  });

  app.get('/api/queue/:queue/jobs/:id/events', {
    config: { access: 'stream' },
    // A HEAD request would open a stream that nobody reads.
    exposeHeadRoute: false,
    schema: {
      tags,
      summary: 'What happens to a job, as server-sent events',
      description:
        'First `state` with the job as it is, then `waiting`, `active`, `delayed`, `stalled` and `progress` as they come, at last one of `completed`, `failed`, `cancelled`, `removed`; then the stream closes. Takes `?token=` instead of a header.',
      params: jobParams,
      querystring: z.object({ token: z.string().max(2_000).optional() }),
    },
    handler: async (request, reply) => {
      if (request.headers['last-event-id'] === END_ID) return reply.code(204).send();
      const queue = queueOf(request.params.queue);
      const job = await readableJob(deps, request, queue, request.params.id);
      const stream = deps.streams.open(reply, request.caller?.key ?? request.ip);
      await follow(deps, queue, job.id, stream);
      return reply.send(stream.body);
    },
  });

  app.get('/api/queue/:queue/events', {
    config: { access: 'service' },
    exposeHeadRoute: false,
    schema: { tags, summary: 'What happens to all jobs of a queue, as server-sent events', params: queueParams },
    handler: async (request, reply) => {
      const queue = queueOf(request.params.queue);
      const caller = rowCallerOf(request);
      if (caller.userId !== undefined)
        throw new HttpError(403, 'forbidden', 'All events of a queue are for a service that acts for nobody: leave out X-User-Id.');
      const stream = deps.streams.open(reply, caller.key);
      stream.send('open', { queue });
      stream.onClose(deps.queue.onJobEvent(queue, (event) => stream.send(event.type, event)));
      return reply.send(stream.body);
    },
  });
}

/** A token opens its own job, whose owner was checked when it was issued. */
async function readableJob({ queue: queues, visible }: JobEventDeps, request: FastifyRequest, queue: QueueName, id: string): Promise<JobView> {
  const { caller } = request;
  if (caller?.kind !== 'stream') return visible.job(rowCallerOf(request), queue, id);
  const job = caller.queue === queue ? await visible.job({ kind: 'service', key: caller.key }, queue, id) : undefined;
  if (job?.id !== caller.jobId) throw new HttpError(403, 'forbidden', 'This token is for the events of another job.');
  return (await queues.getJob(queue, job.id)) ?? job;
}

const ENDED: ReadonlySet<JobView['state']> = new Set(['completed', 'failed', 'cancelled']);
const FIRST_RECHECK_MS = 50;

/**
 * Listens first and reads the job afterwards, so that nothing falls between. But a subscription takes a moment to be made, and its
 * events may get lost with a connection: so the job is read again, soon at first and then now and then, and what was missed is told.
 */
async function follow({ queue: queues, log, recheckMs }: JobEventDeps, queue: QueueName, id: string, stream: EventStream): Promise<void> {
  const teller = createTeller(stream, queue, id);

  async function recheck(): Promise<void> {
    try {
      const job = await queues.getJob(queue, id);
      if (job) teller.read(job);
      else teller.end({ type: 'removed', queue, jobId: id });
    } catch (error) {
      log.debug({ event: 'http.stream_recheck', jobId: id, error: messageOf(error) }, 'job not read');
    }
  }

  function onEvent(event: JobEvent): void {
    if (event.jobId !== id) return;
    // How it ended is read from the job: the event of one that was cancelled says `failed`.
    if (event.type === 'completed' || event.type === 'failed' || event.type === 'removed') void recheck();
    else teller.hear(event);
  }

  stream.onClose(queues.onJobEvent(queue, onEvent));
  try {
    const job = await queues.getJob(queue, id);
    if (!job) throw new NotFoundError('Job', id);
    teller.begin(job);
  } catch (error) {
    stream.end();
    throw error;
  }
  repeat(recheck, recheckMs, stream);
}

/** After 50, 100, 200 … ms, then every `everyMs`, until the stream closes. */
function repeat(work: () => Promise<void>, everyMs: number, stream: EventStream): void {
  let timer: NodeJS.Timeout | undefined;
  const after = (ms: number): void => {
    timer = setTimeout(() => {
      void work();
      after(Math.min(2 * ms, everyMs));
    }, ms);
  };
  after(Math.min(FIRST_RECHECK_MS, everyMs));
  stream.onClose(() => clearTimeout(timer));
}

type Ending = { type: 'completed' | 'failed' | 'cancelled' | 'removed'; queue: QueueName; jobId: string; result?: unknown; error?: string };

/** Says each thing once, whether it was heard from an event or read from the job. */
function createTeller(stream: EventStream, queue: QueueName, jobId: string) {
  let begun = false;
  /** Events arrive, so reading the job tells nothing that they will not: only how it ended. */
  let live = false;
  let state: string | undefined;
  let progress = 'undefined';
  const early: JobEvent[] = [];

  function tellState(next: JobEvent['type'] | JobView['state']): void {
    if (next === state) return;
    state = next;
    stream.send(next, { queue, jobId });
  }

  function tellProgress(next: JobView['progress']): void {
    const text = JSON.stringify(next) ?? 'undefined';
    if (next === undefined || text === progress) return;
    progress = text;
    stream.send('progress', next);
  }

  function hear(event: JobEvent): void {
    if (!begun) return void early.push(event);
    live = true;
    if (event.type === 'progress') tellProgress(event.progress);
    else tellState(event.type);
  }

  function read(job: JobView): void {
    if (!begun) return;
    const ended = ENDED.has(job.state);
    if (!live && !ended) tellState(job.state);
    if (!live || ended) tellProgress(job.progress);
    if (ended) end(endingOf(job));
  }

  function end(ending: Ending): void {
    stream.send(ending.type, ending, END_ID);
    stream.end();
  }

  function begin(job: JobView): void {
    begun = true;
    state = job.state;
    progress = JSON.stringify(job.progress) ?? 'undefined';
    stream.send('state', job);
    if (ENDED.has(job.state)) end(endingOf(job));
    else early.forEach(hear);
  }

  return { begin, hear, read, end };
}

function endingOf({ state, queue, id, result, error }: JobView): Ending {
  if (state === 'completed') return { type: 'completed', queue, jobId: id, result };
  return { type: state === 'cancelled' ? 'cancelled' : 'failed', queue, jobId: id, error: error ?? state };
}
