/** The Supabase-compatible API of `docker compose`: @supabase/lite in front of a Postgres, over HTTP, with keys of its own. For local use. */
import { loadLocalSupabaseConfig } from '../lib/config.ts';
import { openLite } from '../lib/db/lite.ts';
import { createLiteServer } from '../lib/db/lite-server.ts';
import type { Service } from '../lib/lifecycle.ts';
import { createLogger } from '../lib/log.ts';
import { runProcess, serve } from './process.ts';

await runProcess(async () => {
  const { databaseUrl, keys, host, port, log: logging, shutdownTimeoutMs } = loadLocalSupabaseConfig(process.env);
  const log = await createLogger({
    level: logging.level,
    service: 'hivepulse-local-supabase',
    workerId: 'local-supabase',
    pretty: false,
    file: logging.file,
  });
  const lite = await openLite({ databaseUrl, keys });
  const server = createLiteServer(lite, async () => {
    await lite.db.check();
  });
  const service: Service = {
    name: 'local-supabase',
    start: async () => {
      await server.listen(port, host);
    },
    stop: async (deadline) => {
      await server.stop(deadline);
      await lite.db.close();
    },
  };
  await serve([service], { config: { worker: { shutdownTimeoutMs } }, log });
  log.info({ port }, 'a Supabase-compatible API listens');
});
