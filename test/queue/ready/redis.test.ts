import { createRedisBackend } from '../../../lib/queue/backend/redis.ts';
import { startRedis } from '../../support/redis.ts';
import { readySuite } from './suite.ts';

readySuite('Redis', async () => {
  const redis = await startRedis();
  return {
    connect: async () => createRedisBackend({ connection: { url: redis.url }, role: 'worker' }),
    close: () => redis.stop(),
  };
});
