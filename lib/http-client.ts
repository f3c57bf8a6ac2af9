import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { HivepulseError, InvalidInputError, NotFoundError, PermanentError, UnavailableError } from './errors.ts';
import type { QueueName } from './jobs/define.ts';
import { EnqueueError, JobFailedError } from './queue/errors.ts';
import type { CancelOutcome, Enqueued, EnqueueRequest, JobEvent, JobView, QueueService, QueueStats } from './queue/types.ts';

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

const failure = z.object({ error: z.object({ code: z.string(), message: z.string(), details: z.record(z.string(), z.unknown()).optional() }) });
const POLL_MS = 500;

/** The producers over HTTP: for serverless apps, and for an app beside the embedded service. */
export function createHttpClient(options: HttpClientOptions): ProducerService {
  const send = options.fetch ?? fetch;
  const timeoutMs = options.timeoutMs ?? 10_000;
  const streams = new Set<AbortController>();

  async function call(method: string, path: string, { body, userId }: { body?: unknown; userId?: string | undefined } = {}): Promise<unknown> {
    const response = await send(new URL(path, options.url), {
      method,
      headers: {
        authorization: `Bearer ${options.apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(userId ? { 'x-user-id': userId } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (!response.ok) throw toError(response.status, answer);
    return answer;
  }

  const data = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await call(method, path, body === undefined ? {} : { body });
    return z.object({ data: z.unknown() }).parse(answer).data;
  };

  async function enqueue({ queue, name, payload, options: asked = {} }: EnqueueRequest): Promise<Enqueued> {
    const idempotencyKey = asked.idempotencyKey ?? asked.jobId ?? randomUUID();
    try {
      const body = { name, payload, options: { ...asked, idempotencyKey } };
      const answer = await call('POST', `/api/queue/${queue}/jobs`, { body, userId: asked.userId });
      return enqueued.parse(z.object({ data: z.unknown() }).parse(answer).data) as Enqueued;
    } catch (error) {
      throw error instanceof HivepulseError ? error : notAnswered(error, idempotencyKey);
    }
  }

  async function getJob(queue: QueueName, jobId: string): Promise<JobView | undefined> {
    try {
      // The shape is the API's own, which is built from the same types.
      return (await data('GET', jobPath(queue, jobId))) as JobView;
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  async function waitForJob(
    queue: QueueName,
    jobId: string,
    { timeoutMs: limitMs, signal }: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<unknown> {
    const end = performance.now() + limitMs;
    while (performance.now() < end) {
      signal?.throwIfAborted();
      const job = await getJob(queue, jobId);
      if (!job) throw new NotFoundError(`Job on ${queue}`, jobId);
      if (job.state === 'completed') return job.result;
      if (job.state === 'failed' || job.state === 'cancelled') throw new JobFailedError(queue, jobId, job.error ?? job.state);
      await pause(Math.min(POLL_MS, end - performance.now()), signal);
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
        const response = await send(new URL(`/api/queue/${queue}/events`, options.url), {
          headers: { authorization: `Bearer ${options.apiKey}` },
          signal,
        });
        if (!response.ok || !response.body) throw toError(response.status, await response.json().catch(() => undefined));
        for await (const event of serverSentEvents(response.body)) listener(event);
      } catch {
        // The feed broke or was refused; the next round tries again.
      }
      await pause(1_000, signal).catch(() => undefined);
    }
  }

  return {
    enqueue,
    getJob,
    waitForJob,
    onJobEvent,
    stats: async () => fromCamelCase(z.object({ stats: z.record(z.string(), z.unknown()) }).parse(await call('GET', '/api/queue/stats')).stats),
    getFailedJobs: async (queue, { limit = 50, offset = 0 } = {}) =>
      (await data('GET', `/api/queue/${queue}/jobs?state=failed&limit=${limit}&offset=${offset}`)) as JobView[],
    cancelJob: async (queue, jobId, reason) => {
      try {
        const answer = z
          .object({ outcome: z.string() })
          .parse(await data('DELETE', jobPath(queue, jobId) + (reason ? `?reason=${encodeURIComponent(reason)}` : '')));
        return answer.outcome as CancelOutcome;
      } catch (error) {
        if (error instanceof NotFoundError) return 'not_found';
        if (error instanceof HivepulseError && error.code === 'finished') return 'finished';
        throw error;
      }
    },
    close: async () => {
      for (const controller of streams) controller.abort();
    },
  };
}

const enqueued = z.object({ queue: z.string(), jobId: z.string(), deduplicated: z.boolean() });

function jobPath(queue: string, jobId: string): string {
  return `/api/queue/${queue}/jobs/${encodeURIComponent(jobId)}`;
}

/** Only a refused connection is known not to have arrived; anything later may have. */
function notAnswered(error: unknown, idempotencyKey: string): EnqueueError {
  const code = error instanceof Error && error.cause instanceof Error && 'code' in error.cause ? error.cause.code : undefined;
  const refused = code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'UND_ERR_CONNECT_TIMEOUT';
  return refused
    ? new EnqueueError(
        'not_sent',
        idempotencyKey,
        'Not sent: no Hivepulse API answers at HIVEPULSE_URL. The job will not appear later; try again.',
        error,
      )
    : new EnqueueError(
        'unknown',
        idempotencyKey,
        'The connection to the Hivepulse API broke before it answered. Repeat the call with this idempotencyKey: the job is then made at most once.',
        error,
      );
}

function toError(status: number, answer: unknown): HivepulseError {
  const parsed = failure.safeParse(answer);
  const { code, message, details } = parsed.success
    ? parsed.data.error
    : { code: `http_${status}`, message: `The Hivepulse API answered ${status}`, details: undefined };
  const key = typeof details?.idempotencyKey === 'string' ? details.idempotencyKey : undefined;
  if ((code === 'not_sent' || code === 'unknown') && key) return new EnqueueError(code, key, message, undefined);
  if (status === 404) return new NotFoundError(message, '');
  if (status === 400) return new InvalidInputError(message, []);
  const rest = details ? { details } : {};
  return status === 429 || status >= 500 ? new UnavailableError(message, { code, ...rest }) : new PermanentError(message, { code, ...rest });
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

async function* serverSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<JobEvent> {
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trim());
      if (data.length > 0) yield JSON.parse(data.join('\n')) as JobEvent;
    }
  }
}
