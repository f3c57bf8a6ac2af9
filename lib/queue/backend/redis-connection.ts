import { Cluster, type ClusterOptions, Redis, type RedisOptions, ReplyError } from 'ioredis';
import { waitForNodes } from './redis-cluster.ts';
import { retryDelay } from './retry.ts';

export type TlsSetting = true | { ca?: string; cert?: string; key?: string; rejectUnauthorized?: boolean };

interface Credentials {
  username?: string;
  password?: string;
  tls?: TlsSetting;
}
export interface RedisSingle extends Credentials {
  /** `redis://` or `rediss://`; the other fields win over what it says. */
  url?: string;
  host?: string;
  port?: number;
  db?: number;
}
export interface RedisSentinel extends Credentials {
  sentinels: readonly { host: string; port: number }[];
  /** The name under which the sentinels know the primary. */
  name: string;
  sentinelPassword?: string;
  db?: number;
}
export interface RedisCluster extends Credentials {
  cluster: readonly { host: string; port: number }[];
}
export type RedisTarget = RedisSingle | RedisSentinel | RedisCluster;

export type RedisClient = Redis | Cluster;

/** Replies keep the shape they have had in every version of Redis; without the option their types do too. */
type Settings = Omit<RedisOptions, 'replyMapping'>;
type ClusterBehaviour = Omit<ClusterOptions, 'replyMapping' | 'redisOptions'> & { redisOptions?: Settings };

/** How commands of one's own (producers, store, getters) behave when Redis is away: they fail at once and are never kept for later. */
export interface CommandLimits {
  /** Longest wait for a connection to be made, in milliseconds. */
  connectTimeoutMs: number;
  /** Longest wait for an answer, in milliseconds; the outcome of such a command is unknown. */
  commandTimeoutMs: number;
}

const KEEP_ALIVE_MS = 10_000;

/** Fails fast: nothing is queued while offline, nothing is sent a second time, a cut rejects what was under way. */
export function openCommandClient(target: RedisTarget, limits: CommandLimits): RedisClient {
  const failFast: Settings = {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: limits.connectTimeoutMs,
    // A socket that took a command and says nothing is given up, and with it all that it was asked. (A timer per command would cost a tenth of its time.)
    socketTimeout: limits.commandTimeoutMs,
  };
  // A cut must not be answered by sending again (retryDelayOnFailover), nor a loading node by waiting (enableReadyCheck).
  const client = open(target, failFast, { enableOfflineQueue: false, retryDelayOnFailover: 0, redisOptions: { enableReadyCheck: false } });
  return client instanceof Cluster ? waitForNodes(client) : client;
}

/** For BullMQ's workers and event readers, which wait out any outage; BullMQ duplicates it where it must block. */
export function openWorkerClient(target: RedisTarget): RedisClient {
  return open(target, { maxRetriesPerRequest: null, connectTimeout: 5_000 }, {});
}

/** Answers of a Redis that executed nothing and will take the same command later: during a failover, while it loads, with too few replicas, or full. */
const REFUSALS = new Set(['CLUSTERDOWN', 'MASTERDOWN', 'TRYAGAIN', 'LOADING', 'READONLY', 'NOREPLICAS', 'MISCONF', 'OOM']);

/** Whether `error` says anything of the command: not so a lost connection, nor a Redis that refuses for now. */
export function isAnswer(error: unknown): boolean {
  return error instanceof ReplyError && error instanceof Error && !REFUSALS.has(error.message.split(' ', 1)[0] ?? '');
}

function open(target: RedisTarget, behaviour: Settings, clusterBehaviour: ClusterBehaviour): RedisClient {
  const { nodes, options } = toRedisOptions(target, behaviour);
  if (!nodes) return new Redis(options);
  const nodeOptions: Settings = { ...options, ...clusterBehaviour.redisOptions };
  return new Cluster(nodes, {
    clusterRetryStrategy: retryDelay,
    // Addresses of TLS clusters are names that certificates were made for: they must not be resolved to numbers.
    ...(target.tls ? { dnsLookup: (address, done) => done(null, address, 0) } : {}),
    ...clusterBehaviour,
    redisOptions: nodeOptions,
  });
}

/** What ioredis is told for `target`. Exported for tests: no server is contacted. */
export function toRedisOptions(target: RedisTarget, behaviour: Settings = {}): { nodes?: { host: string; port: number }[]; options: Settings } {
  const common: Settings = { keepAlive: KEEP_ALIVE_MS, retryStrategy: retryDelay, ...behaviour, ...credentials(target) };
  if ('cluster' in target) return { nodes: [...target.cluster], options: common };
  if ('sentinels' in target) return { options: { ...common, ...sentinelOptions(target) } };
  return { options: { ...common, ...fromUrl(target.url), ...singleOptions(target) } };
}

function credentials({ username, password, tls }: Credentials): Settings {
  return { ...(username ? { username } : {}), ...(password ? { password } : {}), ...(tls ? { tls: toTls(tls) } : {}) };
}

function toTls(tls: TlsSetting): Exclude<TlsSetting, true> {
  return tls === true ? {} : tls;
}

function sentinelOptions({ sentinels, name, sentinelPassword, tls, db }: RedisSentinel): Settings {
  return {
    sentinels: [...sentinels],
    name,
    sentinelRetryStrategy: retryDelay,
    // Told of a failover by the sentinels rather than by the first command that fails.
    failoverDetector: true,
    ...(sentinelPassword ? { sentinelPassword } : {}),
    ...(tls ? { sentinelTLS: toTls(tls), enableTLSForSentinelMode: true } : {}),
    ...(db === undefined ? {} : { db }),
  };
}

function singleOptions({ host, port, db, username, password, tls }: RedisSingle): Settings {
  return {
    ...(host ? { host } : {}),
    ...(port === undefined ? {} : { port }),
    ...(db === undefined ? {} : { db }),
    ...credentials({ ...(username ? { username } : {}), ...(password ? { password } : {}), ...(tls ? { tls } : {}) }),
  };
}

function fromUrl(url: string | undefined): Settings {
  if (!url) return {};
  const parsed = new URL(url);
  const db = Number.parseInt(parsed.pathname.slice(1), 10);
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port ? Number(parsed.port) : 6379,
    ...(parsed.username ? { username: decodeURIComponent(parsed.username) } : {}),
    ...(parsed.password ? { password: decodeURIComponent(parsed.password) } : {}),
    ...(Number.isNaN(db) ? {} : { db }),
    ...(parsed.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}
