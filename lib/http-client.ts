import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { HivepulseError, NotFoundError, UnavailableError } from './errors.ts';
import { errorOfAnswer, notEnqueued, unavailable } from './http-errors.ts';
import type { QueueName } from './jobs/define.ts';
import { JobFailedError } from './queue/errors.ts';
import type { CancelOutcome, Enqueued, EnqueueRequest, JobEvent, JobView, QueueService, QueueStats } from './queue/types.ts';
import { serverSentEvents } from './server-sent-events.ts';
import { currentTraceparent } from './telemetry/current.ts';

export interface HttpClientOptions {
  /** Where a Hivepulse API listens, for example `http://127.0.0.1:3000`. */
  url: string;
  apiKey: string;
  /** Longest wait for one answer. Default 10,000 ms. */
  timeoutMs?: number;
  fetch?: typeof fetch;
}

/** What producers need of a queue; both the queue itself and the HTTP API can give it. */
export type ProducerService = Pick<QueueService, 'enqueue' | 'stats' | 'getJob' | 'getFailedJobs' | 'cancelJob' | 'waitForJob' | 'onJobEvent'> & {
  close(): Promise<void>;
};

interface Call {
  body?: unknown;
  userId?: string | undefined;
}

const enqueued = z.object({ queue: z.string(), jobId: z.string(), deduplicated: z.boolean() });
const answered = z.object({ data: z.unknown() });

/** How often a waiting caller asks: soon at first, for jobs take a moment; then so seldom that twenty may wait within the API's rate limit. */
const FIRST_POLL_MS = 100;
const POLL_EVERY_MS = 2_000;
const RECONNECT_MS = 1_000;

/** The producers over HTTP: for serverless apps, and for an app beside the embedded service. */
export function createHttpClient(options: HttpClientOptions): ProducerService {
  const send = options.fetch ?? fetch;
  const timeoutMs = options.timeoutMs ?? 10_000;
  const authorization = `Bearer ${options.apiKey}`;
  const streams = new Set<AbortController>();

  async function call(method: string, path: string, { body, userId }: Call = {}): Promise<unknown> {
    const traceparent = currentTraceparent();
    const headers = {
      authorization,
      ...(traceparent ? { traceparent } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(userId ? { 'x-user-id': userId } : {}),
    };
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }), signal: AbortSignal.timeout(timeoutMs) };
    const response = await send(new URL(path, options.url), init);
    const answer: unknown = await response.json().catch(() => undefined);
    if (!response.ok) throw errorOfAnswer(response.status, answer);
    return answer;
  }

  async function ask(method: string, path: string): Promise<unknown> {
    return call(method, path).catch((error: unknown) => {
      throw unavailable(error);
    });
  }

  /** The shapes of the answers are the API's own, which are built from the same types. */
  const data = async (method: string, path: string): Promise<unknown> => answered.parse(await ask(method, path)).data;

  async function enqueue({ queue, name, payload, options: asked = {} }: EnqueueRequest): Promise<Enqueued> {
    const idempotencyKey = asked.idempotencyKey ?? asked.jobId ?? randomUUID();
    try {
      const body = { name, payload, options: { ...asked, idempotencyKey } };
      const answer = await call('POST', `/api/queue/${queue}/jobs`, { body, userId: asked.userId });
      return enqueued.parse(answered.parse(answer).data) as Enqueued;
    } catch (error) {
      throw notEnqueued(error, idempotencyKey);
    }
  }

  async function getJob(queue: QueueName, jobId: string): Promise<JobView | undefined> {
    try {
      return z.object({ job: z.unknown() }).parse(await data('GET', jobPath(queue, jobId))).job as JobView;
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  async function getFailedJobs(queue: QueueName, { limit = 50, offset = 0 } = {}): Promise<JobView[]> {
    const found = await data('GET', `/api/queue/${queue}/jobs?state=failed&limit=${limit}&offset=${offset}`);
    return z.object({ jobs: z.array(z.unknown()) }).parse(found).jobs as JobView[];
  }

  async function cancelJob(queue: QueueName, jobId: string, reason?: string): Promise<CancelOutcome> {
    const query = reason ? `?reason=${encodeURIComponent(reason)}` : '';
    try {
      return z.object({ outcome: z.string() }).parse(await data('DELETE', jobPath(queue, jobId) + query)).outcome as CancelOutcome;
    } catch (error) {
      if (error instanceof NotFoundError) return 'not_found';
      if (error instanceof HivepulseError && error.code === 'finished') return 'finished';
      throw error;
    }
  }

  async function waitForJob(
    queue: QueueName,
    jobId: string,
    { timeoutMs: limitMs, signal }: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<unknown> {
    const end = performance.now() + limitMs;
    for (let pauseMs = FIRST_POLL_MS; performance.now() < end; pauseMs = Math.min(2 * pauseMs, POLL_EVERY_MS)) {
      signal?.throwIfAborted();
      const job = await getJob(queue, jobId).catch(unlessAway);
      if (job === undefined) throw new NotFoundError(`Job on ${queue}`, jobId);
      if (job !== AWAY && job.state === 'completed') return job.result;
      if (job !== AWAY && (job.state === 'failed' || job.state === 'cancelled')) throw new JobFailedError(queue, jobId, job.error ?? job.state);
      await pause(Math.min(pauseMs, end - performance.now()), signal);
    }
    throw new UnavailableError(`Job ${jobId} did not end within ${limitMs} ms; it goes on`, { code: 'wait_timeout' });
  }

  function onJobEvent(queue: QueueName, listener: (event: JobEvent) => void): () => void {
    const controller = new AbortController();
    streams.add(controller);
    void follow(queue, listener, controller.signal).finally(() => streams.delete(controller));
    return () => controller.abort();
  }

  /** Reconnects until told to stop; events in between are missed, as with any live feed. */
  async function follow(queue: QueueName, listener: (event: JobEvent) => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await readFeed(queue, listener, signal);
      } catch (error) {
        // A feed that broke is opened again; one that was refused will be refused again, and there is no call left to reject.
        const problem = unavailable(error);
        if (!signal.aborted && !problem.retryable) return process.emitWarning(`onJobEvent: ${problem.message}`, 'HivepulseWarning');
      }
      await pause(RECONNECT_MS, signal).catch(() => undefined);
    }
  }

  async function readFeed(queue: QueueName, listener: (event: JobEvent) => void, signal: AbortSignal): Promise<void> {
    const response = await send(new URL(`/api/queue/${queue}/events`, options.url), { headers: { authorization }, signal });
    if (!response.ok || !response.body) throw errorOfAnswer(response.status, await response.json().catch(() => undefined));
    for await (const { name, data: event } of serverSentEvents(response.body)) if (name !== 'open') listener(event as JobEvent);
  }

  return {
    enqueue,
    getJob,
    getFailedJobs,
    cancelJob,
    waitForJob,
    onJobEvent,
    stats: async () => fromCamelCase(z.object({ stats: z.record(z.string(), z.unknown()) }).parse(await ask('GET', '/api/queue/stats')).stats),
    close: async () => {
      for (const controller of streams) controller.abort();
    },
  };
}

function jobPath(queue: string, jobId: string): string {
  return `/api/queue/${queue}/jobs/${encodeURIComponent(jobId)}`;
}

const AWAY = Symbol('away');

/** An API that is away for a moment does not end a wait; its timeout does. */
function unlessAway(error: unknown): typeof AWAY {
  if (error instanceof UnavailableError) return AWAY;
  throw error;
}

/** The API names queues in camel case there, as the seed did. */
function fromCamelCase(stats: Record<string, unknown>): QueueStats {
  const named = Object.entries(stats).map(([name, counts]) => [name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), counts]);
  return Object.fromEntries(named) as QueueStats;
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, Math.max(0, ms));
    function done(): void {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }
    function onAbort(): void {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
