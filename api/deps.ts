import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Clock } from '../lib/clock.ts';
import type { Db, LocalScores } from '../lib/db/types.ts';
import type { Logger } from '../lib/log.ts';
import type { NoticeOptions } from '../lib/mail/notices.ts';
import type { Metrics } from '../lib/metrics/index.ts';
import type { Disconnect } from '../lib/oauth/disconnect.ts';
import type { RoundTrip } from '../lib/oauth/round-trip.ts';
import type { QueueBackend } from '../lib/queue/backend.ts';
import type { QueueService } from '../lib/queue/types.ts';
import type { SourceWatches } from '../lib/sources/watches.ts';
import type { FileStorage } from '../lib/storage/contract.ts';
import type { Tracer } from '../lib/telemetry/contract.ts';

/** What is scored at once when a story is created. */
export interface StoryInput {
  title: string;
  content: string;
  sectorTag: string | null;
  impactTags: string[];
}

export interface ApiOptions {
  /** Keys of services; the first one also signs the tokens of event streams. At least one, or nobody gets in but users. */
  apiKeys: readonly string[];
  /** Where callers reach this API, without a trailing slash; shown on the start page and in the docs. */
  publicUrl: string;
  /** Origins of browser apps that may call the API; `*` lets all in. Empty = same origin only. */
  corsOrigins: readonly string[];
  /** Longer bodies are answered with 413. Default 1 MiB. */
  bodyLimitBytes?: number;
  /** Longer files are answered with 413. Default 50 MiB. */
  uploadLimitBytes?: number;
  /** Longer documents are answered with 413. Default 100 MiB. */
  documentLimitBytes?: number;
  /** Bodies that take longer to arrive end with 408; files, which may be large, are given ten minutes. Default 30,000 ms. */
  bodyTimeoutMs?: number;
  /** Requests per caller and minute, counted by each API process. Default 600: polling twenty jobs every 2 s. */
  rateLimitPerMinute?: number;
  /** Basic auth for people; without both, an API key given as the password is the only way in with a browser. */
  adminUser?: string | undefined;
  adminPassword?: string | undefined;
  /** Bound to a loopback address: start page and docs open without a key. */
  loopback: boolean;
  mode: 'embedded' | 'services';
  /** `TIMEZONE`, of deals that have none of their own. Default: UTC. */
  timeZone?: string;
  /** Take the caller's address from `X-Forwarded-For`; only behind a proxy that sets it. Default false. */
  trustProxy?: boolean;
  /** Push notices of new mail; without it they are answered with 404. */
  gmailPush?: NoticeOptions | undefined;
  /** Server-sent events. */
  events?: Partial<EventOptions>;
}

export interface EventOptions {
  /** A comment keeps proxies from cutting a silent stream. Default 15,000 ms. */
  heartbeatMs: number;
  /** The job is read again this often, in case its end was announced while the subscription was being made. Default 3,000 ms. */
  recheckMs: number;
  /** Streams that one caller may hold open in this process. Default 20. */
  maxPerCaller: number;
}

/** BullMQ's queue object. */
export type BoardQueue = ReturnType<QueueBackend['queue']>;

/** All that the API needs; main.ts constructs it. */
export interface ApiDeps {
  db: Db;
  queue: QueueService;
  /** BullMQ's own objects, for Bull Board alone; without it the board is not mounted. */
  boardQueues?: () => readonly BoardQueue[];
  /** Files of documents. */
  storage: FileStorage;
  scoreStory(story: StoryInput): Promise<LocalScores>;
  ai: {
    /** One cheap call; never throws for what the vendor answers. */
    testOpenAi(): Promise<{ configured: boolean; ok: boolean; message: string }>;
    openAiConfigured: boolean;
  };
  metrics: Pick<Metrics, 'render' | 'contentType' | 'scale'>;
  workers: {
    /** The newest heartbeat of any worker, in milliseconds since the epoch. */
    lastPoll(): Promise<number | undefined>;
    /** Queues from which the worker of this process fetches nothing any more. Absent where it has none. */
    silent?(): readonly string[];
  };
  /** Moves what stands in the outbox to its queues; implemented by `lib/relay/relay.ts`. */
  relay: {
    /** Soon, without waiting for it. */
    poke(): void;
    /**
     * These entries now, as far as the queue can be reached (2 s at most): which job each became. What is missing in the answer stays in the
     * outbox and is moved later. Never rejects.
     */
    deliver(outboxIds: readonly number[]): Promise<Map<number, { jobId: string; deduplicated: boolean }>>;
  };
  /** How accounts at Google are connected and disconnected. */
  oauth: { roundTrip: RoundTrip; disconnect: Disconnect };
  /** Notices of change that the providers of sources send. */
  sourceWatches: Pick<SourceWatches, 'stop'>;
  log: Logger;
  tracer?: Tracer | undefined;
  clock: Clock;
  options: ApiOptions;
}

/** A Fastify instance whose routes take their types from zod schemas. */
export type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>;
