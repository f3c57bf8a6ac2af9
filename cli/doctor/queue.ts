import type { Clock } from '../../lib/clock.ts';
import type { QueueConnection } from '../../lib/config/connections.ts';
import { messageOf } from '../../lib/errors.ts';
import type { QueueBackend } from '../../lib/queue/backend.ts';
import { judgeSkew, measureSkew } from './clock.ts';
import { error, type Finding, fromParts, ok } from './finding.ts';

const READY_WITHIN_MS = 3_000;

export interface QueueExamination {
  findings: Finding[];
  /** Undefined: not reachable, or without its tables. */
  backend: QueueBackend | undefined;
}

/** Whether the queue answers and keeps what it is given. `where`: shown to the reader, without credentials. */
export async function examineQueue(connection: QueueConnection, backend: QueueBackend, where: string, clock: Clock): Promise<QueueExamination> {
  try {
    await backend.ready(READY_WITHIN_MS);
  } catch (cause) {
    return { findings: [unreachable(connection, where, cause)], backend: undefined };
  }
  const findings = fromParts('queue', await backend.check());
  const { version, skew } = await factsOf(connection, clock);
  const broken = findings.some(({ level }) => level === 'error');
  const good = broken ? [] : [ok('queue', `${version} at ${where}`)];
  return { findings: [...good, ...findings, judgeSkew(connection.kind === 'redis' ? 'Redis' : "the queue's Postgres", skew)], backend };
}

async function factsOf(connection: QueueConnection, clock: Clock) {
  const facts = await openFacts(connection);
  try {
    return { version: `${connection.kind === 'redis' ? 'Redis' : 'Postgres'} ${facts.version}`, skew: await measureSkew(clock, facts.now) };
  } finally {
    await facts.close();
  }
}

async function openFacts(connection: QueueConnection) {
  if (connection.kind === 'postgres') return (await import('./postgres.ts')).openPostgresFacts(connection.databaseUrl, READY_WITHIN_MS);
  return (await import('../../lib/queue/backend/redis-facts.ts')).openRedisFacts(connection.connection, READY_WITHIN_MS);
}

function unreachable(connection: QueueConnection, where: string, problem: unknown): Finding {
  if (hasCode(problem, 'migrations_missing')) return error('migrations', messageOf(problem), 'DATABASE_URL=… QUEUE_BACKEND=postgres npm run migrate');
  const why = problem instanceof Error && problem.cause !== undefined ? messageOf(problem.cause) : messageOf(problem);
  const named = connection.kind === 'redis' ? 'REDIS_URL (or REDIS_HOST, REDIS_PASSWORD …)' : 'DATABASE_URL';
  return error('queue', `No answer from ${where}: ${why || 'no reason given'}`, `Start it, and check ${named}.`);
}

function hasCode(problem: unknown, code: string): boolean {
  return problem instanceof Error && 'code' in problem && problem.code === code;
}
