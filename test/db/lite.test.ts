import { afterAll, beforeAll, expect, it } from 'vitest';
import { openLite } from '../../lib/db/lite.ts';
import { migrate } from '../../lib/db/migrate.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.stop());

it('a worker and an API that start at the same time on a new database both come up', async () => {
  const databaseUrl = await server.createDatabase();
  await migrate({ databaseUrl });
  const opened = await Promise.all([openLite({ databaseUrl }), openLite({ databaseUrl }), openLite({ databaseUrl })]);
  for (const { db } of opened) await expect(db.check()).resolves.toEqual({ missingMigrations: [] });
  await Promise.all(opened.map(({ db }) => db.close()));
});
