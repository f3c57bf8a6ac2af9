import { type DatabaseConnection, databaseConnection, namesDatabase, namesQueue, type QueueConnection, queueConnection } from './connections.ts';
import type { Reading } from './environment.ts';
import type { ProducerValues } from './variables/producer.ts';

/** Which process reads the configuration. */
export type Role = 'start' | 'demo' | 'worker' | 'api' | 'scheduler';

/** One of the ways to run. */
export type Mode =
  /** Everything in this process; `dataDir` may be `:memory:`. */
  { kind: 'embedded'; dataDir: string } | { kind: 'services'; queue: QueueConnection; database: DatabaseConnection };

const QUEUE_CHOICES = 'REDIS_URL, or QUEUE_BACKEND=postgres with DATABASE_URL';
const DATABASE_CHOICES = 'SUPABASE_URL with SUPABASE_SERVICE_ROLE_KEY, or DATABASE_URL';

/** What cannot be made is added to `problems`; the mode is then of no use. */
export function chooseMode(reading: Reading<ProducerValues>, role: Role): Mode {
  const embedded: Mode = { kind: 'embedded', dataDir: reading.values.HIVEPULSE_DATA_DIR };
  if (role === 'demo') return embedded;
  const [hasQueue, hasDatabase] = [namesQueue(reading), namesDatabase(reading)];
  const queue = hasQueue ? queueConnection(reading) : undefined;
  const database = databaseConnection(reading);
  const missing = explainMissing(hasQueue, hasDatabase, role);
  if (missing !== undefined) reading.problems.push(missing);
  return queue !== undefined && database !== undefined ? { kind: 'services', queue, database } : embedded;
}

function explainMissing(hasQueue: boolean, hasDatabase: boolean, role: Role): string | undefined {
  if (hasQueue && hasDatabase) return undefined;
  if (hasQueue) return `a queue is named, but no database: add ${DATABASE_CHOICES}`;
  if (hasDatabase) return `a database is named, but no queue: add ${QUEUE_CHOICES}`;
  if (role === 'start') return undefined;
  return `a ${role} of its own needs a queue and a database that it shares with the other processes: set ${QUEUE_CHOICES}; and ${DATABASE_CHOICES}. (Everything in one process, without either: npm start)`;
}
