import { UnavailableError } from '../../errors.ts';
import type { QueuePool } from '../backend/pool.ts';
import type { Store } from './types.ts';
import { checkBucket } from './validate.ts';

/** Each call is one statement: a function of `hivepulse_store`, see `sql.ts`. Rejects with `UnavailableError` while Postgres is away. */
export function createPostgresStore(pool: Pick<QueuePool, 'query' | 'isConnectionError'>): Store {
  async function first<R>(text: string, params: readonly unknown[]): Promise<R | undefined> {
    try {
      const { rows } = await pool.query<R>(text, params);
      return rows[0];
    } catch (cause) {
      if (!pool.isConnectionError(cause)) throw cause;
      throw new UnavailableError('The queue store on Postgres did not answer', { cause });
    }
  }

  async function call<T>(expression: string, params: readonly unknown[]): Promise<T | undefined> {
    const row = await first<{ answer: T }>(`select hivepulse_store.${expression} as answer`, params);
    return row?.answer;
  }

  return {
    limitedUntil: async (key) => Number((await call('limited_until($1)', [key])) ?? 0),
    async limit(key, untilMs) {
      await call('limit_until($1, $2)', [key, Math.ceil(untilMs)]);
    },
    async takeTokens(key, bucket, cost) {
      checkBucket(bucket, cost);
      const waitMs = Number(await call('take_tokens($1, $2, $3, $4)', [key, bucket.capacity, bucket.refillPerSecond, cost]));
      return waitMs < 0 ? { taken: true } : { taken: false, waitMs };
    },
    acquire: async (key, holder, { limit, leaseMs }) => (await call('acquire($1, $2, $3, $4)', [key, holder, limit, Math.ceil(leaseMs)])) === true,
    async release(key, holder) {
      await call('release($1, $2)', [key, holder]);
    },
    async setFlag(key, value, ttlMs) {
      await call('set_flag($1, $2, $3)', [key, value, Math.ceil(ttlMs)]);
    },
    async clearFlag(key) {
      await call('clear_flag($1)', [key]);
    },
    async flags(keys) {
      if (keys.length === 0) return [];
      const values = await call<(string | null)[]>('flags($1)', [[...keys]]);
      return keys.map((_, index) => values?.[index] ?? undefined);
    },
    async lead(key, holder, leaseMs) {
      const row = await first<{ role: string; fence: string | null; value: string | null }>(
        'select role, fence, value from hivepulse_store.lead($1, $2, $3)',
        [key, holder, Math.ceil(leaseMs)],
      );
      if (row?.role === 'leader') return { role: 'leader', fence: Number(row.fence) };
      return row?.role === 'follower' ? { role: 'follower', value: row.value ?? '' } : { role: 'pending' };
    },
    publish: async (key, holder, value, ttlMs) => (await call('publish($1, $2, $3, $4)', [key, holder, value, Math.ceil(ttlMs)])) === true,
    async abandon(key, holder) {
      await call('abandon($1, $2)', [key, holder]);
    },
  };
}
