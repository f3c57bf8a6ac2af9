import type { Db } from '../db/types.ts';
import type { Kit } from './kit.ts';

/** What each cache was asked and had. */
export interface CacheLookup {
  cache: 'ai_answers' | 'embeddings' | 'messages';
  hits: number;
  misses: number;
}

export function createCacheMetrics(kit: Kit): (lookup: CacheLookup) => void {
  const lookups = kit.counter(
    'hivepulse_cache_lookups_total',
    'Look-ups by result, hit or miss: answers of models, embeddings of texts, messages of mailboxes.',
    ['cache', 'result'],
  );
  for (const cache of ['ai_answers', 'embeddings', 'messages']) for (const result of ['hit', 'miss']) lookups.inc({ cache, result }, 0);
  return ({ cache, hits, misses }) => {
    lookups.inc({ cache, result: 'hit' }, hits);
    lookups.inc({ cache, result: 'miss' }, misses);
  };
}

type Cached = Pick<Db, 'ai' | 'embeddings' | 'mailboxes'>;

/** The same database, whose three caches tell of each look-up. */
export function countLookups<D extends Cached>(db: D, told: (lookup: CacheLookup) => void): D {
  const { ai, embeddings, mailboxes } = db;
  const tell = (cache: CacheLookup['cache'], asked: Iterable<string>, hits: number): void => {
    told({ cache, hits, misses: Math.max(0, new Set(asked).size - hits) });
  };
  return {
    ...db,
    ai: {
      ...ai,
      cached: async (key) => {
        const found = await ai.cached(key);
        tell('ai_answers', [key], found === undefined ? 0 : 1);
        return found;
      },
    },
    embeddings: {
      ...embeddings,
      find: async (model, hashes) => {
        const found = await embeddings.find(model, hashes);
        tell('embeddings', hashes, found.size);
        return found;
      },
    },
    mailboxes: {
      ...mailboxes,
      cached: async (userId, ids) => {
        const found = await mailboxes.cached(userId, ids);
        tell('messages', ids, found.size);
        return found;
      },
    },
  };
}
