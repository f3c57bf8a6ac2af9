import type { RedisClient } from '../backend/redis-connection.ts';
import { available, createScriptRunner, type Script, scriptOf } from '../backend/redis-script.ts';
import { ABANDON, ACQUIRE, LEAD, LIMIT, PUBLISH, TAKE_TOKENS } from './redis-scripts.ts';
import type { Store } from './types.ts';
import { checkBucket } from './validate.ts';

export interface RedisStoreDeps {
  /** Asked for at each call: it connects at the first. */
  client: () => RedisClient;
  prefix: string;
}

/** Every key carries a tag of its own, so that a cluster spreads them; the flags share one, so that any number is read in one round trip. */
export function createRedisStore({ client, prefix }: RedisStoreDeps): Store {
  const keyOf = (kind: string, key: string) => `{${prefix}:store:${kind}:${key}}`;
  const flagOf = (key: string) => `{${prefix}:store:flags}:${key}`;

  const runScript = createScriptRunner(client);
  const run = (script: Script, key: string, args: readonly (string | number)[]): Promise<unknown> => runScript(script, [key], args);

  return {
    limitedUntil: (key) => available(async () => Number((await client().get(keyOf('limit', key))) ?? 0)),
    async limit(key, untilMs) {
      await run(scripts.limit, keyOf('limit', key), [Math.ceil(untilMs)]);
    },
    async takeTokens(key, bucket, cost) {
      checkBucket(bucket, cost);
      const waitMs = Number(await run(scripts.takeTokens, keyOf('bucket', key), [bucket.capacity, bucket.refillPerSecond, cost]));
      return waitMs < 0 ? { taken: true } : { taken: false, waitMs };
    },
    acquire: async (key, holder, { limit, leaseMs }) => (await run(scripts.acquire, keyOf('places', key), [holder, limit, leaseMs])) === 1,
    async release(key, holder) {
      await available(() => client().zrem(keyOf('places', key), holder));
    },
    async setFlag(key, value, ttlMs) {
      await available(() => client().set(flagOf(key), value, 'PX', Math.ceil(ttlMs)));
    },
    async clearFlag(key) {
      await available(() => client().del(flagOf(key)));
    },
    async flags(keys) {
      if (keys.length === 0) return [];
      const values = await available(() => client().mget(keys.map(flagOf)));
      return values.map((value) => value ?? undefined);
    },
    async lead(key, holder, leaseMs) {
      const [role, answer] = asPair(await run(scripts.lead, keyOf('flight', key), [holder, leaseMs]));
      if (role === 'leader') return { role, fence: Number(answer) };
      return role === 'follower' ? { role, value: answer } : { role: 'pending' };
    },
    publish: async (key, holder, value, ttlMs) => (await run(scripts.publish, keyOf('flight', key), [holder, value, ttlMs])) === 1,
    async abandon(key, holder) {
      await run(scripts.abandon, keyOf('flight', key), [holder]);
    },
  };
}

const scripts = {
  limit: scriptOf(LIMIT),
  takeTokens: scriptOf(TAKE_TOKENS),
  acquire: scriptOf(ACQUIRE),
  lead: scriptOf(LEAD),
  publish: scriptOf(PUBLISH),
  abandon: scriptOf(ABANDON),
};

function asPair(reply: unknown): [string, string] {
  if (Array.isArray(reply) && reply.length === 2) return [String(reply[0]), String(reply[1])];
  throw new TypeError('The queue store script answered something else than a pair');
}
