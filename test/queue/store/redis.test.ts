import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnavailableError } from '../../../lib/errors.ts';
import { createRedisBackend } from '../../../lib/queue/backend/redis.ts';
import type { QueueBackend } from '../../../lib/queue/backend.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { storeSuite } from './suite.ts';

let server: RedisServer;
let backend: QueueBackend;

beforeAll(async () => {
  server = await startRedis();
  backend = createRedisBackend({ connection: { url: server.url }, role: 'worker', prefix: 'test' });
  await backend.ready(5_000);
});
afterAll(async () => {
  await backend.close();
  await server.stop();
});

describe('the store on Redis', () => {
  storeSuite(() => backend.store);

  it('leaves no key that never expires', async () => {
    const redis = new Redis(server.url);
    const store = backend.store;
    await redis.flushall();
    await store.limit('a', Date.now() + 60_000);
    await store.takeTokens('a', { capacity: 2, refillPerSecond: 1 }, 1);
    await store.acquire('a', 'holder', { limit: 1, leaseMs: 60_000 });
    await store.setFlag('a', 'x', 60_000);
    await store.lead('a', 'holder', 60_000);
    const keys = await redis.keys('*');
    const lives = await Promise.all(keys.map((key) => redis.pttl(key)));
    expect(keys).toHaveLength(5);
    expect(keys.every((key) => key.startsWith('{test:store:'))).toBe(true);
    expect(Math.min(...lives)).toBeGreaterThan(0);
    await redis.quit();
  });

  it('goes on after Redis has forgotten its scripts', async () => {
    const redis = new Redis(server.url);
    expect(await backend.store.acquire('scripts', 'holder', { limit: 1, leaseMs: 60_000 })).toBe(true);
    await redis.script('FLUSH');
    expect(await backend.store.acquire('scripts', 'other', { limit: 1, leaseMs: 60_000 })).toBe(false);
    await redis.quit();
  });

  it('rejects with UnavailableError while Redis is away', async () => {
    const other = await startRedis();
    const lonely = createRedisBackend({ connection: { url: other.url }, role: 'producer' });
    await lonely.ready(5_000);
    await other.kill();
    await expect(lonely.store.flags(['a'])).rejects.toBeInstanceOf(UnavailableError);
    await expect(lonely.store.acquire('a', 'holder', { limit: 1, leaseMs: 1_000 })).rejects.toBeInstanceOf(UnavailableError);
    await lonely.close();
    await other.stop();
  });
});
