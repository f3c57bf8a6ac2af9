/** @supabase/lite in this process: PostgREST and Supabase Auth in front of a Postgres connection. Loaded only where it is needed. */
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import type { CacheDriver } from '@supabase/lite';
import { messageOf, PermanentError } from '../errors.ts';
import type { Fetch } from './bounded-fetch.ts';

type LitePglite = typeof import('@supabase/lite/pglite');
type LitePostgres = typeof import('@supabase/lite/postgres');
type LiteConnection = InstanceType<LitePglite['PgliteConnection']> | InstanceType<LitePostgres['PostgresConnection']>;

export interface LiteKeys {
  serviceKey: string;
  publishableKey: string;
  /** Signs users' tokens (HS256): tokens outlive the process only where it does. */
  jwtSecret: string;
}

export interface LiteApp {
  fetch: Fetch;
  keys: LiteKeys;
}

/** Nothing listens there: requests to it go to `fetch`. */
export const LITE_URL = 'http://127.0.0.1:54321';

export interface LiteAppOptions {
  connection: LiteConnection;
  keys: LiteKeys;
  /** False when the auth server's tables are known to be there: making sure takes a tenth of a second. */
  ensureSchema: boolean;
  /** Where lite keeps what it has learnt about the tables. Default: its memory. */
  schemaCache?: CacheDriver;
}

export async function createLiteApp({ connection, keys, ensureSchema, schemaCache }: LiteAppOptions): Promise<LiteApp> {
  const { App, InMemoryEmailDriver } = await importLite('@supabase/lite', () => import('@supabase/lite'));
  keepOutOfLog(connection);
  const app = new App({
    connection,
    auth: { enabled: true, jwt_secret: keys.jwtSecret, secret_key: keys.serviceKey, publishable_key: keys.publishableKey },
    storage: { enabled: false },
    studio: { enabled: false },
    options: {
      server: { disableStudio: true },
      // Its default prints mails, with the tokens in them, to the log.
      drivers: { email: new InMemoryEmailDriver(), ...(schemaCache ? { cache: schemaCache } : {}) },
    },
  });
  await app.init();
  const fetch: Fetch = async (input, init) => app.fetch(new Request(input, init));
  if (ensureSchema) {
    await app.ensureSystemSchema();
    // Its first request reads the catalogue and grants the roles their rights: several first ones at once fail ("tuple concurrently updated") or hang.
    await fetch(`${LITE_URL}/rest/v1/stories?select=id&limit=0`, { headers: { apikey: keys.serviceKey } });
  }
  return { fetch, keys };
}

/** It prints each error of the database to the console, parameters included: payloads of jobs, texts of users. Its code is enough. */
function keepOutOfLog(connection: LiteConnection): void {
  const normalize = connection.normalizeDbError.bind(connection);
  connection.normalizeDbError = (error) => {
    const normalized = normalize(error);
    if (typeof normalized !== 'object' || normalized === null) return normalized;
    const code = 'code' in normalized && typeof normalized.code === 'string' ? normalized.code : 'without a code';
    return Object.defineProperty(normalized, inspect.custom, { value: () => `The database answered with error ${code}`, configurable: true });
  };
}

export function newKeys(jwtSecret = randomSecret()): LiteKeys {
  return { serviceKey: `sb_secret_${randomSecret()}`, publishableKey: `sb_publishable_${randomSecret()}`, jwtSecret };
}

export const randomSecret = (): string => randomBytes(32).toString('base64url');

/** Throws `PermanentError` (`package_missing`) naming the package: it is no dependency of production installs. */
export async function importLite<T>(name: string, load: () => Promise<T>): Promise<T> {
  // The package reads them when it is imported and on each error: it reports to its makers unless told not to.
  // biome-ignore lint/style/noProcessEnv: written for the package, not read as configuration.
  Object.assign(process.env, { LITE_TELEMETRY: '0', DO_NOT_TRACK: '1' });
  const { emitWarning } = process;
  try {
    return await load();
  } catch (error) {
    if (!isMissingModule(error)) throw error;
    const [scope, part] = name.split('/');
    const packages = name.endsWith('/postgres') ? `${scope}/${part} postgres` : `${scope}/${part}`;
    throw new PermanentError(
      `A database without SUPABASE_URL needs the package ${scope}/${part}, which is not installed (${messageOf(error)}). ` +
        `Run: npm install ${packages}, or set SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY`,
      { code: 'package_missing', details: { package: `${scope}/${part}` }, cause: error },
    );
  } finally {
    // The package replaces it by one that throws on warnings that are errors, as Node's own are.
    process.emitWarning = emitWarning;
  }
}

function isMissingModule(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
}
