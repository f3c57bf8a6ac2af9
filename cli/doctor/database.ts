import type { Clock } from '../../lib/clock.ts';
import type { DatabaseConnection } from '../../lib/config/connections.ts';
import type { Config } from '../../lib/config.ts';
import { migrationFiles } from '../../lib/db/migration-files.ts';
import type { Db } from '../../lib/db/types.ts';
import { HivepulseError, messageOf } from '../../lib/errors.ts';
import { openDatabase } from '../../start/connections.ts';
import { judgeSkew, measureSkew } from './clock.ts';
import { error, type Finding, ok } from './finding.ts';
import { openPostgresFacts, type PostgresFacts } from './postgres.ts';

const ANSWER_WITHIN_MS = 5_000;
/** The header `Date` of HTTP counts in seconds. */
const HTTP_DATE_MS = 1_000;

export interface DatabaseExamination {
  findings: Finding[];
  /** To be closed by the caller; undefined where nothing can be asked of it. */
  db: Db | undefined;
}

/** Whether the database answers, takes the service key and has its tables. `where`: shown to the reader, without credentials. */
export async function examineDatabase(config: Config, database: DatabaseConnection, where: string, clock: Clock): Promise<DatabaseExamination> {
  return database.kind === 'lite' ? examinePostgres(config, database, where, clock) : examineSupabase(config, database, where, clock);
}

type Supabase = Extract<DatabaseConnection, { kind: 'supabase' }>;

async function examineSupabase(config: Config, database: Supabase, where: string, clock: Clock): Promise<DatabaseExamination> {
  const db = await openDatabase(config, database);
  const findings = await examineTables(db, where);
  const skew = await measureSkew(clock, () => dateOf(database), HTTP_DATE_MS).catch(() => undefined);
  if (skew) findings.push(judgeSkew('the Supabase API', skew));
  if (findings.every(({ level }) => level === 'ok' || level === 'warning')) return { findings, db };
  await db.close();
  return { findings, db: undefined };
}

/** Which migrations are missing, or why that cannot be told. */
async function examineTables(db: Db, where: string): Promise<Finding[]> {
  try {
    const { missingMigrations } = await db.check();
    const reached = ok('database', `answers at ${where}, and takes the service key`);
    return [reached, migrationsFinding(missingMigrations)];
  } catch (problem) {
    return [unreachable(problem, where)];
  }
}

async function dateOf({ url, serviceRoleKey }: Supabase): Promise<number> {
  const headers = { apikey: serviceRoleKey };
  const response = await fetch(`${url}/rest/v1/`, { method: 'HEAD', headers, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  const date = Date.parse(response.headers.get('date') ?? '');
  if (Number.isNaN(date)) throw new TypeError('The answer has no date');
  return date;
}

/** Asked directly first: `@supabase/lite` makes tables of its own where it opens a database, and a doctor must not. */
async function examinePostgres(
  config: Config,
  database: Extract<DatabaseConnection, { kind: 'lite' }>,
  where: string,
  clock: Clock,
): Promise<DatabaseExamination> {
  let facts: PostgresFacts;
  try {
    facts = await openPostgresFacts(database.databaseUrl, ANSWER_WITHIN_MS);
  } catch (problem) {
    return { findings: [error('database', `No answer from ${where}: ${messageOf(problem)}`, 'Start it, and check DATABASE_URL.')], db: undefined };
  }
  try {
    const missing = await missingSince(await facts.schemaVersion());
    const skew = await measureSkew(clock, facts.now);
    const findings = [ok('database', `Postgres ${facts.version} at ${where}`), migrationsFinding(missing), judgeSkew('the database', skew)];
    if (missing.length > 0) return { findings, db: undefined };
    return { findings, db: await openDatabase(config, database) };
  } catch (problem) {
    return { findings: [unreachable(problem, where)], db: undefined };
  } finally {
    await facts.close();
  }
}

async function missingSince(applied: string): Promise<string[]> {
  return (await migrationFiles()).migrations.filter(({ version }) => version > applied).map(({ file }) => file);
}

export function migrationsFinding(missing: readonly string[]): Finding {
  if (missing.length === 0) return ok('migrations', 'all are applied');
  return error('migrations', `The database lacks ${missing.join(', ')}`, 'DATABASE_URL=… npm run migrate');
}

function unreachable(problem: unknown, where: string): Finding {
  const code = problem instanceof HivepulseError ? problem.code : '';
  if (code === 'unauthorized' || code === 'forbidden') {
    return error('database', `${where} refuses the service key`, 'Set SUPABASE_SERVICE_ROLE_KEY to the secret key of this project.');
  }
  return error('database', `No answer from ${where}: ${messageOf(problem)}`, 'Check that it runs, and SUPABASE_URL or DATABASE_URL.');
}
