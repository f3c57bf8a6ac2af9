import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { UnavailableError } from '../../../lib/errors.ts';
import { createRedisBackend } from '../../../lib/queue/backend/redis.ts';
import { type RedisTarget, toRedisOptions } from '../../../lib/queue/backend/redis-connection.ts';
import { freePort } from '../../support/port.ts';
import { createService, QUEUE } from '../../support/queue-world.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { startRedisCluster } from '../../support/redis-cluster.ts';
import { startSentinel } from '../../support/redis-sentinel.ts';
import { roundTrip } from './suite.ts';

function open(connection: RedisTarget) {
  const backend = createRedisBackend({ connection, role: 'worker' });
  onTestFinished(() => backend.close());
  return backend;
}

async function redis(args: readonly string[] = []): Promise<RedisServer> {
  const server = await startRedis({ args });
  onTestFinished(() => server.stop());
  return server;
}

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'hivepulse-topology-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

describe('the options of a Redis', () => {
  it.each([
    ['redis://user:p%40ss@example.test:6380/3', { host: 'example.test', port: 6380, username: 'user', password: 'p@ss', db: 3 }],
    ['redis://example.test', { host: 'example.test', port: 6379 }],
    ['rediss://example.test', { host: 'example.test', port: 6379, tls: {} }],
    ['redis://[::1]:7000', { host: '::1', port: 7000 }],
  ])('are read from %s', (url, expected) => {
    expect(toRedisOptions({ url }).options).toMatchObject(expected);
  });

  it('say more than the address does', () => {
    expect(toRedisOptions({ url: 'redis://:old@example.test', password: 'new', tls: { ca: 'CA' } }).options).toMatchObject({
      password: 'new',
      tls: { ca: 'CA' },
    });
  });

  it('name the sentinels and what they guard', () => {
    const { options, nodes } = toRedisOptions({
      sentinels: [{ host: 's1', port: 26379 }],
      name: 'main',
      password: 'secret',
      sentinelPassword: 'other',
      tls: true,
    });
    expect(nodes).toBeUndefined();
    expect(options).toMatchObject({
      sentinels: [{ host: 's1', port: 26379 }],
      name: 'main',
      password: 'secret',
      sentinelPassword: 'other',
      tls: {},
      enableTLSForSentinelMode: true,
    });
  });

  it('name the nodes of a cluster and their password', () => {
    expect(toRedisOptions({ cluster: [{ host: 'c1', port: 1 }], password: 'secret' })).toMatchObject({
      nodes: [{ host: 'c1', port: 1 }],
      options: { password: 'secret' },
    });
  });
});

describe('a Redis with a password', () => {
  it('carries a job', async () => {
    const server = await redis(['--requirepass', 'secret']);
    const backend = open({ host: '127.0.0.1', port: server.port, password: 'secret' });
    await backend.ready(5_000);
    await roundTrip(backend, 'story-enhancement');
  });
});

describe('a Redis behind TLS', () => {
  it('carries a job when its certificate is known, and is refused when it is not', async () => {
    const dir = await folder();
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-keyout', key, '-out', cert, ...subject]);
    const port = await freePort();
    await redis(['--tls-port', `${port}`, '--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no']);
    const ca = await readFile(cert, 'utf8');
    const trusted = open({ host: '127.0.0.1', port, tls: { ca } });
    await trusted.ready(5_000);
    await roundTrip(trusted, 'story-enhancement');
    await expect(open({ host: '127.0.0.1', port, tls: true }).ready(500)).rejects.toMatchObject({ cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } });
  });
});

describe('Redis with Sentinel', () => {
  it('finds the primary, and the new one after a failover', async () => {
    const primary = await redis();
    const replica = await redis(['--replicaof', '127.0.0.1', `${primary.port}`]);
    const sentinel = await startSentinel(primary.port);
    onTestFinished(() => sentinel.stop());
    const backend = open({ sentinels: [{ host: '127.0.0.1', port: sentinel.port }], name: 'main' });
    await backend.ready(5_000);
    await roundTrip(backend, 'story-enhancement');

    const observer = new Redis(replica.port);
    onTestFinished(() => observer.disconnect());
    await vi.waitFor(async () => expect(await observer.info('replication')).toContain('master_link_status:up'), { timeout: 15_000 });
    await vi.waitFor(async () => expect(await sentinel.knownReplicas()).toBe(1), { timeout: 15_000 });
    await primary.kill();
    await vi.waitFor(async () => expect(await observer.info('replication')).toContain('role:master'), { timeout: 25_000 });
    await backend.ready(20_000);
    await vi.waitFor(async () => expect((await backend.queue('story-enhancement').add('echo', {})).id).toBeDefined(), { timeout: 10_000 });
    await roundTrip(backend, 'story-enhancement');
  }, 90_000);
});

describe('a Redis with fewer replicas than it may write with', () => {
  it('counts as away: nothing is sent, and all goes on when there are enough', async () => {
    const server = await redis(['--min-replicas-to-write', '1']);
    const backend = open({ url: server.url });
    const service = createService(backend);
    const ask = (options = {}) => service.enqueue({ queue: QUEUE, name: 'row', payload: { key: 'a' }, options });
    await expect(ask()).rejects.toMatchObject({ code: 'not_sent', retryable: true });
    await expect(backend.store.acquire('place', 'holder', { limit: 1, leaseMs: 1_000 })).rejects.toBeInstanceOf(UnavailableError);
    const client = new Redis(server.port);
    onTestFinished(() => client.disconnect());
    await client.config('SET', 'min-replicas-to-write', '0');
    expect(await ask()).toMatchObject({ deduplicated: false });
    expect(await backend.store.acquire('place', 'holder', { limit: 1, leaseMs: 1_000 })).toBe(true);
  });
});

describe('a Redis Cluster', () => {
  it('carries the jobs of different queues, and the store, on different nodes', async () => {
    const cluster = await startRedisCluster();
    onTestFinished(() => cluster.stop());
    const backend = open({ cluster: cluster.nodes });
    await backend.ready(15_000);
    const queues = ['story-enhancement', 'gmail-fetch', 'review-ai', 'source-sync'] as const;
    for (const queue of queues) await roundTrip(backend, queue);
    await backend.queue('daily-brief').addBulk([
      { name: 'generate', data: {} },
      { name: 'generate', data: {} },
    ]);
    expect(await backend.queue('daily-brief').getWaitingCount()).toBe(2);
    await backend.store.setFlag('a', '1', 60_000);
    await backend.store.setFlag('b', '2', 60_000);
    expect(await backend.store.flags(['a', 'b', 'c'])).toEqual(['1', '2', undefined]);
    expect(await backend.store.acquire('place', 'holder', { limit: 1, leaseMs: 1_000 })).toBe(true);
    expect((await backend.check()).filter(({ level }) => level === 'error')).toEqual([]);
    const used = await Promise.all(cluster.primaries.map(async ({ client }) => (await client.keys('{bull:*')).length > 0));
    expect(used.filter(Boolean).length).toBeGreaterThan(1);
  }, 60_000);
});
