/** `npm run migrate`: brings `DATABASE_URL` up to date, the queues' tables included where they live there. */
import { loadMigrateConfig } from '../lib/config.ts';
import { runMigrateCommand } from '../lib/db/migrate.ts';
import { runProcess } from '../start/process.ts';

await runProcess(async () => {
  const { databaseUrl, queueInPostgres } = loadMigrateConfig(process.env);
  process.exitCode = await runMigrateCommand({ databaseUrl });
  if (process.exitCode === 0 && queueInPostgres) {
    const { migrateQueueSchema } = await import('../lib/queue/backend/migrate.ts');
    await migrateQueueSchema(databaseUrl);
    process.stdout.write('the queues are up to date\n');
  }
});
