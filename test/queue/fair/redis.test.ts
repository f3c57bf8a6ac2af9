import { Redis } from 'ioredis';
import { createRedisBackend } from '../../../lib/queue/backend/redis.ts';
import { startRedis } from '../../support/redis.ts';
import { capsSuite } from './caps-suite.ts';
import { fairSuite } from './suite.ts';
import type { FairPlace } from './world.ts';

async function open(): Promise<FairPlace> {
  const server = await startRedis();
  const redis = new Redis(server.url);
  return {
    connect: async (sharing) => createRedisBackend({ connection: { url: server.url }, role: 'worker', ...(sharing ? { sharing } : {}) }),
    forget: async () => {
      const keys = [...(await redis.keys('*:fair:*')), ...(await redis.keys('*:store:places:*'))];
      if (keys.length > 0) await redis.del(keys);
    },
    close: async () => {
      redis.disconnect();
      await server.stop();
    },
  };
}

fairSuite('Redis', open);
capsSuite('Redis', open);
