import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { QueueName } from '../jobs/define.ts';
import { queueNames } from '../jobs/index.ts';
import type { LogLevel } from '../log.ts';
import type { Mode } from './mode.ts';
import { type QueueConfig, queueConfigs } from './queue-settings.ts';
import { compact } from './variable.ts';
import type { Values } from './variables/index.ts';

type Provider = 'auto' | 'openai' | 'anthropic' | 'local';

export interface AiConfig {
  provider: Provider;
  openai?: { apiKey: string; baseUrl?: string; model: string; embeddingModel: string };
  anthropic?: { apiKey: string; baseUrl?: string; model: string };
  /** Only queues that have settings of their own. */
  perQueue: Partial<Record<QueueName, { provider?: Provider; model?: string }>>;
  /** Longest wait for one answer. */
  timeoutMs: number;
  /** All processes together, since 00:00 UTC. */
  dailyBudgetUsd?: number;
}

export interface ApiConfig {
  host: string;
  port: number;
  /** Without a trailing slash. */
  publicUrl: string;
  /** May be empty: then main.ts makes one (embedded), or only users get in. */
  apiKeys: string[];
  corsOrigins: string[];
  adminUser?: string;
  adminPassword?: string;
  bodyLimitBytes: number;
  documentLimitBytes: number;
  rateLimitPerMinute: number;
  trustProxy: boolean;
  supabasePublishableKey?: string;
  /** HS256 secret of the users' JWTs. */
  jwtSecret?: string;
  /** Public keys of the users' JWTs. */
  jwksUrl?: string;
}

export interface WorkerConfig {
  id: string;
  /** Those that this worker serves. */
  queues: QueueName[];
  lockDurationMs: number;
  stalledIntervalMs: number;
  sweepIntervalMs: number;
  shutdownTimeoutMs: number;
  pollIntervalMs: number;
  /** Jobs that hold credits fail when nobody has touched them for so long; 0 = never. */
  jobExpiryMs: number;
  /** Health and metrics; 0 = off. */
  port: number;
  /** A worker that fetches nothing for so long although jobs wait ends; 0 = never. */
  silentAfterMs: number;
}

export interface LogConfig {
  level: LogLevel;
  file?: string;
  /** The scoring of stories logs at level debug. */
  debugScoring: boolean;
}

export interface AlertsConfig {
  webhookUrl?: string;
  smtpUrl?: string;
  /** Needs `smtpUrl`. */
  emailTo: string[];
  /** Jobs of one queue; 0 = never. */
  waiting: number;
  /** Of a job that could start; 0 = never. */
  oldestMs: number;
  /** From 0 to 1; 0 = never. */
  failureRate: number;
  coolDownMs: number;
}

export interface TelemetryConfig {
  /** Without it there are no traces. */
  otlpEndpoint?: string;
  /** As `name=value,name=value`; secret. */
  otlpHeaders?: string;
  serviceName?: string;
  /** Of traces that are kept, from 0 to 1. */
  share: number;
}

export type StorageConfig =
  | { kind: 'supabase'; bucket: string }
  /** Shared by API and workers. */
  | { kind: 'folder'; folder: string }
  /** A folder that goes with the process. */
  | { kind: 'temporary' };

export interface Config {
  mode: Mode;
  /** Where documents are kept. */
  storage: StorageConfig;
  /** Where the outbox may send hints: a connection of one's own to the database. Holds credentials. */
  hintsDatabaseUrl?: string;
  queues: Record<QueueName, QueueConfig>;
  ai: AiConfig;
  api: ApiConfig;
  worker: WorkerConfig;
  scheduler: {
    enabled: boolean;
    dailyBriefTime: string;
    timeZone: string;
    catchUp: 'skip' | 'one' | 'all';
    catchUpWindowMs: number;
    briefWebhookUrl?: string;
    briefFrom: string;
  };
  log: LogConfig;
  alerts: AlertsConfig;
  telemetry: TelemetryConfig;
  analysis: { sampleLimit: number };
  google: {
    clientId?: string;
    clientSecret?: string;
    apiRootUrl?: string;
    authUrl?: string;
    tokenUrl?: string;
    pubsubTopic?: string;
    pubsubAudience?: string;
    pubsubServiceAccount?: string;
    gmailQuota: '2026' | 'older';
    batchSize: number;
    maxResults: number;
  };
  microsoft: { clientId?: string; clientSecret?: string; tenantId: string; graphBaseUrl?: string; authUrl?: string; tokenUrl?: string };
  /** The first encrypts, all decrypt; 32 bytes in base64. */
  tokenKeys: { id: string; key: string }[];
}

export function assemble(values: Values, mode: Mode): Config {
  return {
    mode,
    storage: storageConfig(values, mode),
    ...compact({ hintsDatabaseUrl: values.DATABASE_URL }),
    queues: queueConfigs(values),
    ai: aiConfig(values),
    api: apiConfig(values, mode),
    worker: workerConfig(values),
    scheduler: {
      enabled: values.SCHEDULER,
      dailyBriefTime: values.DAILY_BRIEF_TIME,
      timeZone: values.TIMEZONE,
      catchUp: values.SCHEDULE_CATCH_UP,
      catchUpWindowMs: values.SCHEDULE_CATCH_UP_WINDOW_MS,
      briefFrom: values.BRIEF_FROM,
      ...compact({ briefWebhookUrl: values.BRIEF_WEBHOOK_URL }),
    },
    log: logConfig(values),
    alerts: {
      ...compact({ webhookUrl: values.ALERT_WEBHOOK_URL, smtpUrl: values.SMTP_URL }),
      emailTo: values.ALERT_EMAIL_TO ?? [],
      waiting: values.ALERT_WAITING,
      oldestMs: values.ALERT_OLDEST_MS,
      failureRate: values.ALERT_FAILURE_RATE,
      coolDownMs: values.ALERT_COOL_DOWN_MS,
    },
    telemetry: {
      ...compact({
        otlpEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
        otlpHeaders: values.OTEL_EXPORTER_OTLP_HEADERS,
        serviceName: values.OTEL_SERVICE_NAME,
      }),
      share: values.OTEL_TRACES_SAMPLER_ARG,
    },
    analysis: { sampleLimit: values.ANALYSIS_SAMPLE_LIMIT },
    google: googleConfig(values),
    microsoft: microsoftConfig(values),
    tokenKeys: values.TOKEN_ENCRYPTION_KEY ?? [],
  };
}

const NO_FOLDER = ':memory:';
const DEFAULT_DATA_DIR = './.hivepulse';

function storageConfig({ STORAGE_DIR, STORAGE_BUCKET, HIVEPULSE_DATA_DIR }: Values, mode: Mode): StorageConfig {
  if (STORAGE_DIR !== undefined) return { kind: 'folder', folder: STORAGE_DIR };
  if (mode.kind === 'services' && mode.database.kind === 'supabase') return { kind: 'supabase', bucket: STORAGE_BUCKET };
  if (mode.kind === 'embedded') return mode.dataDir === NO_FOLDER ? { kind: 'temporary' } : { kind: 'folder', folder: join(mode.dataDir, 'files') };
  // Processes that share a database have to share the files.
  return { kind: 'folder', folder: join(HIVEPULSE_DATA_DIR === NO_FOLDER ? DEFAULT_DATA_DIR : HIVEPULSE_DATA_DIR, 'files') };
}

function aiConfig(values: Values): AiConfig {
  const { OPENAI_API_KEY: openaiKey, ANTHROPIC_API_KEY: anthropicKey } = values;
  const openai = openaiKey && {
    apiKey: openaiKey,
    model: values.OPENAI_MODEL,
    embeddingModel: values.OPENAI_EMBEDDING_MODEL,
    ...compact({ baseUrl: values.OPENAI_BASE_URL }),
  };
  const anthropic = anthropicKey && { apiKey: anthropicKey, model: values.ANTHROPIC_MODEL, ...compact({ baseUrl: values.ANTHROPIC_BASE_URL }) };
  const perQueue: AiConfig['perQueue'] = {};
  for (const queue of queueNames) {
    const { AI_PROVIDER: provider, AI_MODEL: model } = values.queues[queue];
    if (provider !== undefined || model !== undefined) perQueue[queue] = compact({ provider, model });
  }
  return {
    provider: values.AI_PROVIDER,
    perQueue,
    timeoutMs: values.AI_TIMEOUT_MS,
    ...compact({ openai: openai || undefined, anthropic: anthropic || undefined, dailyBudgetUsd: values.AI_DAILY_BUDGET_USD }),
  };
}

function apiConfig(values: Values, mode: Mode): ApiConfig {
  const supabaseUrl = mode.kind === 'services' && mode.database.kind === 'supabase' ? mode.database.url : undefined;
  return {
    host: values.HOST ?? (mode.kind === 'embedded' ? '127.0.0.1' : '0.0.0.0'),
    port: values.PORT,
    publicUrl: values.PUBLIC_URL ?? `http://localhost:${values.PORT}`,
    apiKeys: values.API_KEYS ?? [],
    corsOrigins: values.CORS_ORIGINS ?? [],
    bodyLimitBytes: values.BODY_LIMIT_BYTES,
    documentLimitBytes: values.DOCUMENT_LIMIT_BYTES,
    rateLimitPerMinute: values.RATE_LIMIT_PER_MINUTE,
    trustProxy: values.TRUST_PROXY,
    ...compact({
      adminUser: values.ADMIN_USER,
      adminPassword: values.ADMIN_PASSWORD,
      supabasePublishableKey: values.SUPABASE_PUBLISHABLE_KEY,
      jwtSecret: values.SUPABASE_JWT_SECRET,
      jwksUrl: values.SUPABASE_JWKS_URL ?? (supabaseUrl && `${supabaseUrl}/auth/v1/.well-known/jwks.json`),
    }),
  };
}

function workerConfig(values: Values): WorkerConfig {
  return {
    id: values.WORKER_ID ?? `worker-${randomUUID().slice(0, 8)}`,
    queues: values.WORKER_QUEUES ?? [...queueNames],
    lockDurationMs: values.LOCK_DURATION_MS,
    stalledIntervalMs: values.STALLED_INTERVAL_MS,
    sweepIntervalMs: values.SWEEP_INTERVAL_MS,
    shutdownTimeoutMs: values.SHUTDOWN_TIMEOUT_MS,
    pollIntervalMs: values.POLL_INTERVAL_MS,
    jobExpiryMs: values.JOB_EXPIRY_MS,
    port: values.WORKER_PORT,
    silentAfterMs: values.WORKER_SILENT_AFTER_MS,
  };
}

export function logConfig(values: Pick<Values, 'LOG_LEVEL' | 'LOG_FILE' | 'DEBUG_SCORING'>): LogConfig {
  return { level: values.LOG_LEVEL, debugScoring: values.DEBUG_SCORING, ...compact({ file: values.LOG_FILE }) };
}

function googleConfig(values: Values): Config['google'] {
  return {
    gmailQuota: values.GMAIL_QUOTA,
    batchSize: values.BATCH_SIZE,
    maxResults: values.MAX_RESULTS,
    ...compact({
      clientId: values.GOOGLE_CLIENT_ID,
      clientSecret: values.GOOGLE_CLIENT_SECRET,
      apiRootUrl: values.GOOGLE_API_ROOT_URL,
      authUrl: values.GOOGLE_AUTH_URL,
      tokenUrl: values.GOOGLE_TOKEN_URL,
      pubsubTopic: values.GOOGLE_PUBSUB_TOPIC,
      pubsubAudience: values.GOOGLE_PUBSUB_AUDIENCE,
      pubsubServiceAccount: values.GOOGLE_PUBSUB_SERVICE_ACCOUNT,
    }),
  };
}

function microsoftConfig(values: Values): Config['microsoft'] {
  return {
    tenantId: values.MICROSOFT_TENANT_ID,
    ...compact({
      clientId: values.MICROSOFT_CLIENT_ID,
      clientSecret: values.MICROSOFT_CLIENT_SECRET,
      graphBaseUrl: values.GRAPH_BASE_URL,
      authUrl: values.MICROSOFT_AUTH_URL,
      tokenUrl: values.MICROSOFT_TOKEN_URL,
    }),
  };
}
