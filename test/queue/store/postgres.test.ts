import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { UnavailableError } from '../../../lib/errors.ts';
import { migrateQueueSchema } from '../../../lib/queue/backend/migrate.ts';
import { createPostgresBackend } from '../../../lib/queue/backend/postgres.ts';
import type { QueueBackend } from '../../../lib/queue/backend.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres.ts';
import { storeSuite } from './suite.ts';

let server: PostgresServer;
let backend: QueueBackend;

beforeAll(async () => {
  server = await startPostgres();
  await migrateQueueSchema(server.url);
  backend = createPostgresBackend({ databaseUrl: server.url, role: 'worker' });
  await backend.ready(5_000);
}, 60_000);
afterAll(async () => {
  await backend.close();
  await server.stop();
});

describe('the store on Postgres', () => {
  storeSuite(() => backend.store);

  it('keeps its flags over a crash of Postgres, and says so while it is away', async () => {
    await backend.store.setFlag('cancel:a', 'user asked', 60_000);
    await server.kill();
    // Its sessions take a moment to notice that the server is gone.
    await vi.waitFor(() => expect(backend.store.flags(['cancel:a'])).rejects.toBeInstanceOf(UnavailableError));
    await server.restart();
    await backend.ready(5_000);
    expect(await backend.store.flags(['cancel:a'])).toEqual(['user asked']);
  });
});
