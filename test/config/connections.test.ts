import { describe, expect, it } from 'vitest';
import type { Environment } from '../../lib/config/environment.ts';
import type { Role } from '../../lib/config/mode.ts';
import { ConfigError, loadConfig } from '../../lib/config.ts';

const services = { REDIS_URL: 'redis://localhost:6379', DATABASE_URL: 'postgresql://me:secret@localhost/app' };
const load = (env: Environment, role: Role = 'start') => loadConfig(env, { role });
const redis = (env: Environment) => {
  const { mode } = load({ DATABASE_URL: services.DATABASE_URL, ...env });
  return mode.kind === 'services' && mode.queue.kind === 'redis' ? mode.queue.connection : undefined;
};

function problemsOf(env: Environment, role: Role = 'start'): readonly string[] {
  try {
    load(env, role);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('the way to run', () => {
  it('is embedded when neither queue nor database is named', () => {
    expect(load({}).mode).toEqual({ kind: 'embedded', dataDir: './.hivepulse' });
    expect(load({ HIVEPULSE_DATA_DIR: ':memory:', OPENAI_API_KEY: 'k' }).mode).toEqual({ kind: 'embedded', dataDir: ':memory:' });
    expect(load({}).api).toMatchObject({ host: '127.0.0.1', port: 3000, publicUrl: 'http://localhost:3000' });
  });

  it.each<[string, Environment, unknown]>([
    [
      'Redis and Supabase',
      { REDIS_URL: 'redis://r', SUPABASE_URL: 'https://abc.supabase.co/', SUPABASE_SERVICE_ROLE_KEY: 'k', DATABASE_URL: services.DATABASE_URL },
      { queue: { kind: 'redis', prefix: 'hivepulse' }, database: { kind: 'supabase', url: 'https://abc.supabase.co', serviceRoleKey: 'k' } },
    ],
    ['Redis and Postgres', services, { queue: { kind: 'redis' }, database: { kind: 'lite', databaseUrl: services.DATABASE_URL } }],
    [
      'Postgres for both',
      { QUEUE_BACKEND: 'postgres', DATABASE_URL: services.DATABASE_URL },
      { queue: { kind: 'postgres', databaseUrl: services.DATABASE_URL, poolSize: 10 }, database: { kind: 'lite' } },
    ],
  ])('is services with %s', (_name, env, expected) => {
    expect(load(env).mode).toMatchObject({ kind: 'services', ...(expected as object) });
    expect(load(env, 'worker').api.host).toBe('0.0.0.0');
  });

  it.each<[string, Environment, Role, string]>([
    [
      'only a queue',
      { REDIS_URL: 'redis://r' },
      'start',
      'a queue is named, but no database: add SUPABASE_URL with SUPABASE_SERVICE_ROLE_KEY, or DATABASE_URL',
    ],
    [
      'only a database',
      { DATABASE_URL: services.DATABASE_URL },
      'start',
      'a database is named, but no queue: add REDIS_URL, or QUEUE_BACKEND=postgres',
    ],
    [
      'a Supabase URL without its key',
      { SUPABASE_URL: 'https://a.co', REDIS_URL: 'redis://r' },
      'start',
      'SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY belong together',
    ],
    ['a lone worker with nothing shared', {}, 'worker', 'a worker of its own needs a queue and a database'],
    ['a lone API with nothing shared', {}, 'api', 'set REDIS_URL, or QUEUE_BACKEND=postgres with DATABASE_URL; and SUPABASE_URL'],
    ['a lone scheduler with nothing shared', {}, 'scheduler', 'a scheduler of its own needs a queue and a database'],
    [
      'a Postgres queue without a Postgres',
      { QUEUE_BACKEND: 'postgres', SUPABASE_URL: 'https://a.co', SUPABASE_SERVICE_ROLE_KEY: 'k' },
      'start',
      'needs DATABASE_URL',
    ],
    [
      'a Redis queue without a Redis',
      { QUEUE_BACKEND: 'redis', DATABASE_URL: services.DATABASE_URL },
      'start',
      'QUEUE_BACKEND=redis needs REDIS_URL',
    ],
  ])('stops for %s and says what to add', (_name, env, role, problem) => {
    expect(problemsOf(env, role).join('\n')).toContain(problem);
  });

  it('is always embedded for the demo', () => {
    expect(load(services, 'demo').mode.kind).toBe('embedded');
  });
});

describe('a Redis connection', () => {
  it('comes from a URL, completed by the other variables', () => {
    expect(redis({ REDIS_URL: 'redis://localhost:6379', REDIS_HOST: 'localhost', REDIS_PORT: '6379', REDIS_PASSWORD: '' })).toEqual({
      kind: 'single',
      host: 'localhost',
      port: 6379,
      db: 0,
    });
    expect(redis({ REDIS_URL: 'rediss://me:p%40ss@[::1]:6380/3' })).toEqual({
      kind: 'single',
      host: '::1',
      port: 6380,
      username: 'me',
      password: 'p@ss',
      db: 3,
      tls: {},
    });
    expect(redis({ REDIS_URL: 'redis://r', REDIS_PASSWORD: 'later', REDIS_DB: '4' })).toMatchObject({ port: 6379, password: 'later', db: 4 });
  });

  it('comes from its parts, with TLS', () => {
    const ca = '-----BEGIN CERTIFICATE-----\\nMII\\n-----END CERTIFICATE-----';
    expect(redis({ REDIS_HOST: 'r', REDIS_TLS: 'yes', REDIS_TLS_CA: ca })).toEqual({
      kind: 'single',
      host: 'r',
      port: 6379,
      db: 0,
      tls: { ca: ca.replaceAll('\\n', '\n') },
    });
  });

  it('comes from Sentinels or from the nodes of a cluster', () => {
    expect(redis({ REDIS_SENTINELS: 'a, b:26380', REDIS_SENTINEL_NAME: 'mymaster', REDIS_SENTINEL_PASSWORD: 's', REDIS_PASSWORD: 'p' })).toEqual({
      kind: 'sentinel',
      sentinels: [
        { host: 'a', port: 26379 },
        { host: 'b', port: 26380 },
      ],
      name: 'mymaster',
      sentinelPassword: 's',
      password: 'p',
      db: 0,
    });
    expect(redis({ REDIS_CLUSTER_NODES: 'a,b:7001,[::1]:7002' })).toEqual({
      kind: 'cluster',
      cluster: [
        { host: 'a', port: 6379 },
        { host: 'b', port: 7001 },
        { host: '::1', port: 7002 },
      ],
    });
  });

  it.each<[string, Environment, string]>([
    ['another host', { REDIS_URL: 'redis://a', REDIS_HOST: 'b' }, 'REDIS_HOST says something else than REDIS_URL'],
    ['another password', { REDIS_URL: 'redis://:x@a', REDIS_PASSWORD: 'y' }, 'REDIS_PASSWORD says something else than REDIS_URL'],
    ['two ways', { REDIS_URL: 'redis://a', REDIS_CLUSTER_NODES: 'b' }, 'REDIS_URL and REDIS_CLUSTER_NODES are set: keep one'],
    ['Sentinels without a name', { REDIS_SENTINELS: 'a' }, 'REDIS_SENTINELS and REDIS_SENTINEL_NAME belong together'],
    ['a database in a cluster', { REDIS_CLUSTER_NODES: 'a', REDIS_DB: '1' }, 'REDIS_DB must be 0'],
    ['a path that is no number', { REDIS_URL: 'redis://a/jobs' }, 'REDIS_URL must end in the number of a database'],
    ['a certificate without its key', { REDIS_HOST: 'a', REDIS_TLS_CERT: '-----BEGIN X' }, 'REDIS_TLS_CERT and REDIS_TLS_KEY belong together'],
  ])('must not contradict itself: %s', (_name, env, problem) => {
    expect(problemsOf({ DATABASE_URL: services.DATABASE_URL, ...env }).join('\n')).toContain(problem);
  });

  it('is not confused by what Kubernetes sets for a service called redis', () => {
    expect(redis({ REDIS_HOST: 'redis', REDIS_PORT: 'tcp://10.0.0.1:6379' })).toMatchObject({ host: 'redis', port: 6379 });
  });
});
