import { z } from 'zod';
import { MINUTE, SECOND } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';
import type { Progress } from '../lib/queue/processor.ts';
import { serverSentEvents } from '../lib/server-sent-events.ts';
import type { Ending, JobRef } from './kind.ts';

/** What the demo does, any app can do: it speaks to Hivepulse over HTTP. */
export interface DemoApi {
  /** The answer's `data`, parsed. */
  get<T>(path: string, data: z.ZodType<T>): Promise<T>;
  post<T>(path: string, body: unknown, data: z.ZodType<T>): Promise<T>;
  /** Sends a file; CSV unless `type` says otherwise. */
  upload<T>(path: string, file: Uint8Array<ArrayBuffer>, data: z.ZodType<T>, type?: string): Promise<T>;
  /** Asks for the brief of a deal; resolves to the ids of the jobs. */
  triggerBriefs(dealId: string): Promise<string[]>;
  /** The answer's bytes, of the media type asked for. */
  download(path: string, type: string): Promise<Uint8Array>;
  /** A call that is meant to be refused; throws when it is not. */
  refused(path: string, body: unknown): Promise<{ status: number; code: string; message: string }>;
  /** The same API for the things of one user. */
  actingFor(userId: string): DemoApi;
  /** Follows the job's event stream; resolves to how it ended. */
  follow(job: JobRef, onProgress: (progress: Progress) => void): Promise<Ending>;
}

export interface DemoApiOptions {
  url: string;
  apiKey: string;
  /** Event streams open at a time; the API allows one caller 20. */
  streams?: number;
}

const ANSWER_WITHIN_MS = 30 * SECOND;
/** A job may retry, and wait for a provider's limit. */
const END_WITHIN_MS = 10 * MINUTE;

const failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
const progressed = z.object({ progress: z.number(), total: z.number(), current_step: z.string() });
/** As in the seed: without `data`. */
const triggered = z.object({ jobs: z.array(z.object({ jobId: z.string() })) });
const ended = z.object({ error: z.string().optional() });

export function createDemoApi({ url, apiKey, streams = 16 }: DemoApiOptions): DemoApi {
  return apiFor({ url, headers: { authorization: `Bearer ${apiKey}` }, inTurn: createTurns(streams) });
}

interface Sent {
  method?: 'POST';
  body?: string | Uint8Array<ArrayBuffer>;
  headers?: Readonly<Record<string, string>>;
}

interface Caller {
  url: string;
  headers: Readonly<Record<string, string>>;
  inTurn: ReturnType<typeof createTurns>;
}

function apiFor({ url, headers, inTurn }: Caller): DemoApi {
  function request(path: string, init: Sent, withinMs: number): Promise<Response> {
    const sent = { ...headers, ...(init.body ? { 'content-type': 'application/json' } : {}), ...init.headers };
    return fetch(new URL(path, url), { ...init, headers: sent, signal: AbortSignal.timeout(withinMs) });
  }

  async function send(path: string, init: Sent, withinMs: number): Promise<Response> {
    const response = await request(path, init, withinMs);
    if (response.ok) return response;
    const said = failure.safeParse(await response.json().catch(() => undefined));
    const why = said.success ? said.data.error.message : 'no reason given';
    throw new UnavailableError(`${init.method ?? 'GET'} ${path} was answered with ${response.status}: ${why}`);
  }

  async function call<T>(path: string, init: Sent, data: z.ZodType<T>): Promise<T> {
    const response = await send(path, init, ANSWER_WITHIN_MS);
    return z.object({ data }).parse(await response.json()).data;
  }

  async function refused(path: string, body: unknown): Promise<{ status: number; code: string; message: string }> {
    const response = await request(path, { method: 'POST', body: JSON.stringify(body) }, ANSWER_WITHIN_MS);
    if (response.ok) throw new UnavailableError(`POST ${path} was meant to be refused`);
    return { status: response.status, ...failure.parse(await response.json()).error };
  }

  async function follow({ queue, jobId }: JobRef, onProgress: (progress: Progress) => void): Promise<Ending> {
    const response = await send(`/api/queue/${queue}/jobs/${encodeURIComponent(jobId)}/events`, {}, END_WITHIN_MS);
    if (response.body) {
      for await (const { name, data } of serverSentEvents(response.body)) {
        const progress = name === 'progress' ? progressed.safeParse(data).data : undefined;
        if (progress) onProgress(progress);
        if (name === 'completed') return { state: name };
        if (name === 'failed' || name === 'cancelled' || name === 'removed') return { state: name, error: ended.parse(data).error ?? name };
      }
    }
    throw new UnavailableError(`The event stream of job ${jobId} ended before the job did`);
  }

  return {
    get: (path, data) => call(path, {}, data),
    post: (path, body, data) => call(path, { method: 'POST', body: JSON.stringify(body) }, data),
    upload: (path, file, data, type = 'text/csv') => call(path, { method: 'POST', body: file, headers: { 'content-type': type } }, data),
    triggerBriefs: async (dealId) => {
      const response = await send('/api/queue/trigger-daily-briefs', { method: 'POST', body: JSON.stringify({ dealId }) }, ANSWER_WITHIN_MS);
      return triggered.parse(await response.json()).jobs.map(({ jobId }) => jobId);
    },
    download: async (path, type) => (await send(path, { headers: { accept: type } }, ANSWER_WITHIN_MS)).bytes(),
    refused,
    actingFor: (userId) => apiFor({ url, headers: { ...headers, 'x-user-id': userId }, inTurn }),
    follow: (job, onProgress) => inTurn(() => follow(job, onProgress)),
  };
}

/** Runs at most `places` at a time, the others in the order they came. */
function createTurns(places: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = places;
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
