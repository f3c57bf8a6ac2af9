import { openLite } from '../../lib/db/lite.ts';
import { createLiteServer } from '../../lib/db/lite-server.ts';
import { migrate } from '../../lib/db/migrate.ts';
import { deadlineIn } from '../../lib/lifecycle.ts';

/** A Supabase API of one's own over real HTTP: @supabase/lite in front of a real Postgres. */
export interface LiteServer {
  readonly url: string;
  readonly port: number;
  readonly serviceKey: string;
  readonly publishableKey: string;
  readonly jwtSecret: string;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

const STOP_WITHIN_MS = 5_000;

/** Migrates the database first. */
export async function startLiteServer(databaseUrl: string): Promise<LiteServer> {
  await migrate({ databaseUrl });
  const { db, fetch, serviceKey, publishableKey, jwtSecret } = await openLite({ databaseUrl });
  const server = createLiteServer({ fetch }, async () => {
    await db.check();
  });
  const port = await server.listen(0, '127.0.0.1');
  let stopping: Promise<void> | undefined;
  const end = async () => {
    await server.stop(deadlineIn(STOP_WITHIN_MS));
    await db.close();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    serviceKey,
    publishableKey,
    jwtSecret,
    stop: () => {
      stopping ??= end();
      return stopping;
    },
  };
}
