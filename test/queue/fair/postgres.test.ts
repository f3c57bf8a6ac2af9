import { openEmbeddedQueue } from '../../../lib/queue/backend/embedded.ts';
import { createPostgresBackend } from '../../../lib/queue/backend/postgres.ts';
import { capsSuite } from './caps-suite.ts';
import { fairSuite } from './suite.ts';
import type { FairPlace } from './world.ts';

async function open(): Promise<FairPlace> {
  const { pool, close } = await openEmbeddedQueue({ dataDir: ':memory:' });
  return {
    connect: async (sharing) => createPostgresBackend({ pool, role: 'worker', ...(sharing ? { sharing } : {}) }),
    forget: async () => {
      await pool.query('truncate hivepulse_store.fair_level, hivepulse_store.fair_turn, hivepulse_store.fair_line, hivepulse_store.place');
    },
    close,
  };
}

fairSuite('Postgres (PGlite, as embedded)', open);
capsSuite('Postgres (PGlite, as embedded)', open);
