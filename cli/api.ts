import { z } from 'zod';
import { createHttpClient, type ProducerService } from '../lib/http-client.ts';
import { errorOfAnswer, unavailable } from '../lib/http-errors.ts';
import { type ServerSentEvent, serverSentEvents } from '../lib/server-sent-events.ts';
import type { ApiConnection } from './connect.ts';

/** The HTTP API as the commands use it: what apps can do through the helpers, and the routes that are for operators. */
export interface Api extends Pick<ProducerService, 'enqueue' | 'stats' | 'getJob' | 'cancelJob'> {
  readonly url: string;
  get<T>(shape: z.ZodType<T>, path: string, query?: Readonly<Record<string, unknown>>): Promise<T>;
  post<T>(shape: z.ZodType<T>, path: string, body: unknown): Promise<T>;
  /** What happens to a job, until it has ended or the connection is cut. */
  jobEvents(queue: string, jobId: string): AsyncGenerator<ServerSentEvent>;
}

/** Replaying thousands is one transaction: it may take its time. */
const TIMEOUT_MS = 60_000;

export function connectApi({ url, apiKey }: ApiConnection): Api {
  const client = createHttpClient({ url, apiKey });
  const authorization = `Bearer ${apiKey}`;

  async function call<T>(shape: z.ZodType<T>, method: string, path: string, body?: unknown): Promise<T> {
    const response = await send(path, {
      method,
      headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return z.object({ data: shape }).parse(await response.json()).data;
  }

  async function send(path: string, init: RequestInit): Promise<Response> {
    const response = await fetch(new URL(path, url), init).catch((error: unknown) => {
      throw unavailable(error);
    });
    if (response.ok) return response;
    throw errorOfAnswer(response.status, await response.json().catch(() => undefined));
  }

  return {
    url,
    enqueue: client.enqueue,
    stats: client.stats,
    getJob: client.getJob,
    cancelJob: client.cancelJob,
    get: (shape, path, query = {}) => call(shape, 'GET', path + queryString(query)),
    post: (shape, path, body) => call(shape, 'POST', path, body),
    async *jobEvents(queue, jobId) {
      const response = await send(`/api/queue/${queue}/jobs/${encodeURIComponent(jobId)}/events`, { headers: { authorization } });
      if (response.body) yield* serverSentEvents(response.body);
    },
  };
}

function queryString(query: Readonly<Record<string, unknown>>): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, String(value)]]));
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}
