import { ConfigError } from '../lib/config.ts';
import type { Logger } from '../lib/log.ts';
import type { Connections } from './connections.ts';

/** Longest wait for the queue at boot; a supervisor starts the process again. */
const READY_WITHIN_MS = 10_000;

/** Checks the ground before anything is built on it. Throws `ConfigError` with everything that would lose or hang jobs, each with its cure. */
export async function checkGround({ backend, db }: Connections, log: Logger): Promise<void> {
  await backend.ready(READY_WITHIN_MS);
  const [findings, { missingMigrations }] = await Promise.all([backend.check(), db.check()]);
  const missing = missingMigrations.length > 0 ? [`the database lacks the migrations ${missingMigrations.join(', ')}: run npm run migrate`] : [];
  for (const { level, message } of findings) if (level === 'warning') log.warn({ finding: message }, 'check');
  const errors = [...missing, ...findings.filter(({ level }) => level === 'error').map(({ message }) => message)];
  if (errors.length > 0) throw new ConfigError(errors);
}
