import { createRedisBackend } from '../../lib/queue/backend/redis.ts';
import { startRedis } from '../support/redis.ts';
import { jobSuite } from './job-suite.ts';

jobSuite('Redis', async () => {
  const redis = await startRedis();
  return {
    connect: async () => createRedisBackend({ connection: { url: redis.url }, role: 'worker' }),
    close: () => redis.stop(),
  };
});
