import { SECOND } from './clock.ts';
import { deadlineIn, within } from './lifecycle.ts';
import type { Logger } from './log.ts';

export interface ReadinessDeps {
  ping: (timeoutMs: number) => Promise<void>;
  database: () => Promise<{ missingMigrations: string[] }>;
  log: Logger;
}

/** `ok`, or what is wrong: which part, never why. The reason may name hosts; it stands in the log. */
export interface Readiness {
  queue: string;
  database: string;
}

/** Of all that is asked together. */
const CHECK_TIMEOUT_MS = 2 * SECOND;
const AWAY = 'unreachable';

/** Whether a process has what it needs: queue and database answer, and all migrations are applied. Ends within 2 s, never rejects. */
export async function checkReadiness({ ping, database, log }: ReadinessDeps): Promise<Readiness> {
  const soon = (part: string, check: Promise<string>): Promise<string> =>
    within(check, deadlineIn(CHECK_TIMEOUT_MS), AWAY).catch((error: unknown) => {
      log.warn({ event: 'http.not_ready', err: error }, `${part} not reachable`);
      return AWAY;
    });
  const answers = await Promise.all([
    soon(
      'queue',
      ping(CHECK_TIMEOUT_MS).then(() => 'ok'),
    ),
    soon(
      'database',
      database().then(({ missingMigrations }) => migrationsOf(missingMigrations)),
    ),
  ]);
  return { queue: answers[0], database: answers[1] };
}

function migrationsOf(missing: readonly string[]): string {
  return missing.length === 0 ? 'ok' : `migrations missing: ${missing.join(', ')} (npm run migrate)`;
}

export function isReady({ queue, database }: Readiness): boolean {
  return queue === 'ok' && database === 'ok';
}
