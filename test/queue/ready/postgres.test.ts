import { openEmbeddedQueue } from '../../../lib/queue/backend/embedded.ts';
import { createPostgresBackend } from '../../../lib/queue/backend/postgres.ts';
import { readySuite } from './suite.ts';

readySuite('Postgres (PGlite, as embedded)', async () => {
  const { pool, close } = await openEmbeddedQueue({ dataDir: ':memory:' });
  return { connect: async () => createPostgresBackend({ pool, role: 'worker' }), close };
});
