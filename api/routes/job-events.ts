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
      if (caller.userId !== undefined) throw new HttpError(403, 'forbidden', 'All events of a queue are for a service that acts for nobody: leave out X-User-Id.');
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

/**
 * Listens first and reads the job afterwards, so that nothing falls between; what was heard meanwhile follows the state.
 * A subscription takes a moment to be made, and its events may get lost with a connection: the job is read again now and then.
 */
async function follow({ queue: queues, log, recheckMs }: JobEventDeps, queue: QueueName, id: string, stream: EventStream): Promise<void> {
  let heard: JobEvent[] | undefined = [];

  const pass = (event: JobEvent) => {
    if (event.type === 'completed' || event.type === 'failed' || event.type === 'removed') return recheck(event);
    stream.send(event.type, event.type === 'progress' ? event.progress : { queue, jobId: id });
  };

  /** Reads how it ended: the event of a cancelled job says `failed`. */
  const recheck = (event?: JobEvent) => {
    queues.getJob(queue, id).then(
      (job) => {
        if (!job) finish(stream, { type: 'removed', queue, jobId: id });
        else if (ENDED.has(job.state)) finish(stream, endingOf(job));
        else if (event && event.type !== 'removed') finish(stream, event);
      },
      (error: unknown) => log.debug({ event: 'http.stream_recheck', jobId: id, error: messageOf(error) }, 'job not read'),
    );
  };

  const timer = setInterval(recheck, recheckMs);
  stream.onClose(() => clearInterval(timer));
  stream.onClose(queues.onJobEvent(queue, (event) => {
    if (event.jobId !== id) return;
    if (heard) heard.push(event);
    else pass(event);
  }));

  const job = await queues.getJob(queue, id).catch((error: unknown) => {
    stream.end();
    throw error;
  });
  if (!job) {
    stream.end();
    throw new NotFoundError('Job', id);
  }
  stream.send('state', job);
  if (ENDED.has(job.state)) return finish(stream, endingOf(job));
  const missed = heard;
  heard = undefined;
  missed.forEach(pass);
}

type Ending = { type: 'completed' | 'failed' | 'cancelled' | 'removed'; queue: QueueName; jobId: string; result?: unknown; error?: string };

function endingOf({ state, queue, id, result, error }: JobView): Ending {
  if (state === 'completed') return { type: 'completed', queue, jobId: id, result };
  return { type: state === 'cancelled' ? 'cancelled' : 'failed', queue, jobId: id, error: error ?? state };
}

function finish(stream: EventStream, ending: Ending | JobEvent): void {
  stream.send(ending.type, ending, END_ID);
  stream.end();
}
