/**
 * The whole database in this process: PGlite in a folder (or in memory), @supabase/lite in front of it, no port, no network.
 * Opening applies pending migrations; closing flushes. The folder is locked by whoever opens it (`lockDataDir`).
 */
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import type { CacheDriver } from '@supabase/lite';
import { z } from 'zod';
import { type PgliteTemplate, preparePglite } from '../pglite.ts';
import { defaultCacheDir, keepFile, packageVersion } from '../pglite-template.ts';
import type { Tracer } from '../telemetry/contract.ts';
import type { Fetch } from './bounded-fetch.ts';
import { createDb } from './client.ts';
import { createLiteApp, importLite, LITE_URL, newKeys, randomSecret } from './lite-app.ts';
import { applyMigrations, type SqlSession } from './migrate.ts';
import { migrationFiles } from './migration-files.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { callingDirectly, createRpcAnswers } from './rpc-fetch.ts';
import type { Db } from './types.ts';

export interface EmbeddedOptions {
  /** A folder for the database alone (a `jwt-secret` file is kept beside it), or `:memory:`. */
  dataDir: string | ':memory:';
  /** Where prepared copies are kept. Default: see `lib/pglite.ts`. */
  cacheDir?: string;
  /** Longest time for one call, in milliseconds. Default 10,000. */
  timeoutMs?: number | undefined;
  tracer?: Tracer | undefined;
}

export interface EmbeddedDb {
  db: Db;
  /** For supabase-js of one's own, with `fetch`: the same server, sign-up included. */
  url: string;
  fetch: Fetch;
  serviceKey: string;
  publishableKey: string;
  /** One statement as the owner of the tables, in its turn with the requests. */
  sql: EmbeddedSql;
}

export type EmbeddedSql = (statement: string, parameters?: unknown[]) => Promise<unknown[]>;

export async function openEmbedded(options: EmbeddedOptions): Promise<EmbeddedDb> {
  const { createPgliteConnection } = await importLite('@supabase/lite/pglite', () => import('@supabase/lite/pglite'));
  const cacheDir = options.cacheDir ?? defaultCacheDir();
  const template = await databaseTemplate();
  const { dataDir, ...pgliteOptions } = await preparePglite({ dataDir: options.dataDir, cacheDir, template });
  const connection = await createPgliteConnection({ ...(dataDir ? { url: dataDir } : {}), pgliteOptions });
  try {
    const session = sessionOf(connection.driver);
    const current = (await preparedVersion(session)) === template.version;
    if (!current) await applyMigrations(session);
    const keys = newKeys(options.dataDir === ':memory:' ? randomSecret() : await keptSecret(options.dataDir));
    const schemaCache = schemaCacheIn(join(cacheDir, `schema-${template.version}.json`));
    const app = await createLiteApp({ connection, keys, ensureSchema: !current, schemaCache });
    if (!current) await session.run(markPrepared(template.version));
    const { fetch: inLine, inTurn, idle } = oneAtATime(app.fetch);
    const answer = createRpcAnswers((statement, parameters) => inTurn(() => asService(session, statement, parameters)));
    const fetch = callingDirectly(inLine, { serviceKey: keys.serviceKey, answer });
    const sql: EmbeddedSql = (statement, parameters) => inTurn(() => session.rows(statement, parameters));
    const onClose = async () => {
      await idle();
      await connection.close();
    };
    const { serviceKey, publishableKey } = keys;
    const { timeoutMs, tracer } = options;
    const db = createDb({ url: LITE_URL, serviceKey, publishableKey, fetch, timeoutMs, tracer, onClose });
    return { db, url: LITE_URL, fetch, serviceKey, publishableKey, sql };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Answers as the service role would get them: what it has no right to do must not work here alone. */
async function asService(session: SqlSession, statement: string, parameters: unknown[]): Promise<{ answer: unknown }[]> {
  await session.run('begin; set local role service_role');
  try {
    const rows = await session.rows(statement, parameters);
    await session.run('commit');
    // One column of that name: see `rpc-fetch.ts`.
    return rows as { answer: unknown }[];
  } catch (error) {
    await session.run('rollback');
    throw error;
  }
}

async function databaseTemplate(): Promise<PgliteTemplate> {
  const { bootstrap, migrations } = await migrationFiles();
  const { getAuthSchemaSql } = await importLite('@supabase/lite', () => import('@supabase/lite'));
  const authSchema = getAuthSchemaSql();
  const hash = createHash('sha256').update(packageVersion('@supabase/lite'));
  for (const part of [bootstrap, authSchema, ...migrations.map(({ file, sql }) => file + sql)]) hash.update(part);
  const version = hash.digest('hex').slice(0, 32);
  return {
    name: 'database',
    version,
    build: async (pg) => {
      const session = sessionOf(pg);
      await applyMigrations(session);
      await session.run(authSchema);
      await session.run(markPrepared(version));
    },
  };
}

/** A folder says itself which template it equals: then there is nothing to migrate. */
const markPrepared = (version: string): string => `comment on schema supabase_migrations is '${version}'`;

async function preparedVersion(session: SqlSession): Promise<string | undefined> {
  const [row] = await session.rows("select obj_description(to_regnamespace('supabase_migrations')) as version");
  return z.object({ version: z.string().nullable() }).parse(row).version ?? undefined;
}

/** What lite asks of the catalogue before its first answer takes it a second; it is the same for all folders of a version. */
function schemaCacheIn(file: string): CacheDriver {
  return {
    get: () => readFile(file, 'utf8').catch(() => undefined),
    set: (_, value) => keepFile(file, value),
    delete: async () => {},
  };
}

function sessionOf(pg: Pick<PGlite, 'exec' | 'query'>): SqlSession {
  return { run: (sql) => pg.exec(sql), rows: async (sql, parameters) => (await pg.query(sql, parameters)).rows };
}

/** Users stay signed in across restarts. Readable by the owner only. */
async function keptSecret(dataDir: string): Promise<string> {
  const folder = dirname(resolve(dataDir));
  const file = join(folder, 'jwt-secret');
  const kept = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (kept) return kept;
  const secret = randomSecret();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(file, secret, { mode: 0o600 });
  await chmod(file, 0o600);
  return secret;
}
