import type { Reading } from './environment.ts';
import { compact } from './variable.ts';
import type { ProducerValues } from './variables/producer.ts';

export interface TlsConfig {
  /** PEM. */
  ca?: string;
  cert?: string;
  key?: string;
}
export interface HostAndPort {
  host: string;
  port: number;
}
interface RedisLogin {
  username?: string;
  password?: string;
  /** Absent: not encrypted. */
  tls?: TlsConfig;
}
export type RedisConnection =
  | (RedisLogin & HostAndPort & { kind: 'single'; db: number })
  | (RedisLogin & { kind: 'sentinel'; sentinels: HostAndPort[]; name: string; sentinelPassword?: string; db: number })
  | (RedisLogin & { kind: 'cluster'; cluster: HostAndPort[] });

export type QueueConnection =
  | { kind: 'redis'; connection: RedisConnection; prefix: string }
  | { kind: 'postgres'; databaseUrl: string; poolSize: number; prefix: string };

export type DatabaseConnection =
  | { kind: 'supabase'; url: string; serviceRoleKey: string; publishableKey?: string }
  | { kind: 'lite'; databaseUrl: string };

const REDIS_WAYS = ['REDIS_URL', 'REDIS_HOST', 'REDIS_SENTINELS', 'REDIS_CLUSTER_NODES'] as const;

/** Whether the environment says where the queue is. */
export function namesQueue({ named }: Reading<ProducerValues>): boolean {
  return named.has('QUEUE_BACKEND') || REDIS_WAYS.some((way) => named.has(way));
}

/** Whether the environment says where the data is. */
export function namesDatabase({ named }: Reading<ProducerValues>): boolean {
  return named.has('SUPABASE_URL') || named.has('DATABASE_URL');
}

/** Undefined when none is named, or when it cannot be made: then `problems` says why. */
export function queueConnection(reading: Reading<ProducerValues>): QueueConnection | undefined {
  const { values, named, problems } = reading;
  const { QUEUE_PREFIX: prefix, QUEUE_POOL_SIZE: poolSize, DATABASE_URL: databaseUrl } = values;
  if (values.QUEUE_BACKEND === 'postgres') {
    if (!named.has('DATABASE_URL')) problems.push('QUEUE_BACKEND=postgres needs DATABASE_URL');
    return databaseUrl === undefined ? undefined : { kind: 'postgres', databaseUrl, poolSize, prefix };
  }
  const connection = redisConnection(reading);
  return connection === undefined ? undefined : { kind: 'redis', connection, prefix };
}

function redisConnection(reading: Reading<ProducerValues>): RedisConnection | undefined {
  const { values } = reading;
  checkRedisRelations(reading);
  const tls = values.REDIS_TLS || reading.named.has('REDIS_TLS_CA') || reading.named.has('REDIS_TLS_CERT') ? tlsConfig(values) : undefined;
  const login = compact({ username: values.REDIS_USERNAME, password: values.REDIS_PASSWORD, tls });
  const db = values.REDIS_DB;
  if (values.REDIS_CLUSTER_NODES !== undefined) return { kind: 'cluster', cluster: values.REDIS_CLUSTER_NODES, ...login };
  if (values.REDIS_SENTINELS !== undefined) {
    const password = compact({ sentinelPassword: values.REDIS_SENTINEL_PASSWORD });
    return { kind: 'sentinel', sentinels: values.REDIS_SENTINELS, name: values.REDIS_SENTINEL_NAME ?? '', db, ...password, ...login };
  }
  if (values.REDIS_URL !== undefined) return fromUrl(new URL(values.REDIS_URL), login, reading);
  return values.REDIS_HOST === undefined ? undefined : { kind: 'single', host: values.REDIS_HOST, port: values.REDIS_PORT, db, ...login };
}

function checkRedisRelations({ values, named, problems }: Reading<ProducerValues>): void {
  const ways = REDIS_WAYS.filter((way) => named.has(way));
  if (ways.length === 0) problems.push('QUEUE_BACKEND=redis needs REDIS_URL (or REDIS_HOST, REDIS_SENTINELS or REDIS_CLUSTER_NODES)');
  // Seeds set REDIS_URL and REDIS_HOST at once; that is fine as long as both say the same.
  if (ways.length > 1 && (named.has('REDIS_SENTINELS') || named.has('REDIS_CLUSTER_NODES'))) {
    problems.push(`${ways.join(' and ')} are set: keep one of them`);
  }
  for (const [one, other] of [
    ['REDIS_SENTINELS', 'REDIS_SENTINEL_NAME'],
    ['REDIS_TLS_CERT', 'REDIS_TLS_KEY'],
  ] as const) {
    if (named.has(one) !== named.has(other)) problems.push(`${one} and ${other} belong together: set both or none`);
  }
  if (named.has('REDIS_CLUSTER_NODES') && values.REDIS_DB !== 0) problems.push('REDIS_DB must be 0 with REDIS_CLUSTER_NODES: a cluster has no other');
}

function tlsConfig(values: ProducerValues): TlsConfig {
  return compact({ ca: values.REDIS_TLS_CA, cert: values.REDIS_TLS_CERT, key: values.REDIS_TLS_KEY });
}

/** The URL is completed by REDIS_USERNAME, REDIS_PASSWORD and REDIS_DB, and must not contradict any of the variables. */
function fromUrl(url: URL, login: RedisLogin, { values, named, problems }: Reading<ProducerValues>): RedisConnection {
  const path = url.pathname.replace(/^\//, '');
  if (!/^\d{0,7}$/.test(path)) problems.push('REDIS_URL must end in the number of a database, such as /0, or in none');
  const said = {
    REDIS_HOST: url.hostname.replace(/^\[|\]$/g, ''),
    REDIS_PORT: url.port === '' ? undefined : Number(url.port),
    REDIS_USERNAME: decode(url.username),
    REDIS_PASSWORD: decode(url.password),
    REDIS_DB: path === '' ? undefined : Number(path),
  };
  for (const name of Object.keys(said) as (keyof typeof said)[]) {
    const contradicts = said[name] !== undefined && values[name] !== undefined && said[name] !== values[name];
    if (named.has(name) && contradicts) problems.push(`${name} says something else than REDIS_URL: remove one`);
  }
  return {
    kind: 'single',
    host: said.REDIS_HOST || 'localhost',
    port: said.REDIS_PORT ?? values.REDIS_PORT,
    db: said.REDIS_DB ?? values.REDIS_DB,
    ...login,
    ...compact({ username: said.REDIS_USERNAME ?? values.REDIS_USERNAME, password: said.REDIS_PASSWORD ?? values.REDIS_PASSWORD }),
    ...compact({ tls: login.tls ?? (url.protocol === 'rediss:' ? tlsConfig(values) : undefined) }),
  };
}

/** Undefined when empty. Passwords with a stray % are taken as they stand. */
function decode(part: string): string | undefined {
  if (part === '') return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Undefined when none is named, or when it cannot be made: then `problems` says why. */
export function databaseConnection({ values, named, problems }: Reading<ProducerValues>): DatabaseConnection | undefined {
  const serviceRoleKey = values.SUPABASE_SERVICE_ROLE_KEY;
  if (named.has('SUPABASE_URL') !== named.has('SUPABASE_SERVICE_ROLE_KEY')) {
    problems.push('SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY belong together: set both or none');
  }
  if (values.SUPABASE_URL !== undefined && serviceRoleKey !== undefined) {
    return { kind: 'supabase', url: values.SUPABASE_URL, serviceRoleKey, ...compact({ publishableKey: values.SUPABASE_PUBLISHABLE_KEY }) };
  }
  return values.DATABASE_URL === undefined ? undefined : { kind: 'lite', databaseUrl: values.DATABASE_URL };
}
