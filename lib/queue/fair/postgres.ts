import { UnavailableError } from '../../errors.ts';
import type { QueuePool } from '../backend/pool.ts';
import { createPriorities, type FirstTurns } from './priorities.ts';
import { sharingOf } from './slots.ts';
import type { FairShares, ShareOptions } from './types.ts';

/** Each call is one statement: a function of `hivepulse_store`, see `sql.ts`. */
export function createPostgresFair(pool: Pick<QueuePool, 'query' | 'isConnectionError'>, sharing?: ShareOptions): FairShares {
  const { width, catchUp } = sharingOf(sharing);

  async function call<T>(expression: string, params: readonly unknown[]): Promise<T | undefined> {
    try {
      const { rows } = await pool.query<{ answer: T }>(`select hivepulse_store.${expression} as answer`, params);
      return rows[0]?.answer;
    } catch (cause) {
      if (!pool.isConnectionError(cause)) throw cause;
      throw new UnavailableError('The queue store on Postgres did not answer', { cause });
    }
  }

  const firstTurns: FirstTurns = async (queue, groups) => {
    const columns = (['level', 'key', 'count', 'used'] as const).map((column) => groups.map((group) => group[column]));
    const answer = await call<string[]>('fair_first_turns($1, $2, $3, $4, $5, $6, $7)::text[]', [queue, ...columns, width, catchUp]);
    return (answer ?? []).map(Number);
  };

  return {
    priorities: createPriorities(firstTurns, { width, catchUp }),
    park: async (queue, line, jobId, order) => Number(await call('fair_park($1, $2, $3, $4)', [queue, line, jobId, order])),
    next: async (queue, line) => (await call<string | null>('fair_next($1, $2)', [queue, line])) ?? undefined,
    async unpark(queue, line, jobId) {
      await call('fair_unpark($1, $2, $3)', [queue, line, jobId]);
    },
  };
}
