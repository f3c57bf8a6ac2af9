import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type EmbeddedQueue, openEmbeddedQueue } from '../../../lib/queue/backend/embedded.ts';
import { createPostgresStore } from '../../../lib/queue/store/postgres.ts';
import type { Store } from '../../../lib/queue/store/types.ts';
import { storeSuite } from './suite.ts';

let embedded: EmbeddedQueue;
let store: Store;

beforeAll(async () => {
  embedded = await openEmbeddedQueue({ dataDir: ':memory:' });
  store = createPostgresStore(embedded.pool);
}, 60_000);
afterAll(() => embedded.close());

describe('the store on PGlite', () => {
  storeSuite(() => store);

  it('removes what is long over while it is used', async () => {
    const count = async () => {
      const { rows } = await embedded.pool.query<{ n: number }>(
        `select (select count(*) from hivepulse_store.flag where key like 'old:%')::int + (select count(*) from hivepulse_store.place where key like 'old:%')::int as n`,
      );
      return rows[0]?.n;
    };
    await embedded.pool.query(`insert into hivepulse_store.flag select 'old:' || i, '', now() - interval '1 minute' from generate_series(1, 50) i`);
    await embedded.pool.query(`insert into hivepulse_store.place select 'old:' || i, '', now() - interval '1 minute' from generate_series(1, 50) i`);
    expect(await count()).toBe(100);
    await vi.waitFor(
      async () => {
        await store.setFlag('new', 'x', 60_000);
        expect(await count()).toBe(0);
      },
      { timeout: 20_000, interval: 1 },
    );
    expect(await store.flags(['new'])).toEqual(['x']);
  });
});
