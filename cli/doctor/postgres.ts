import { z } from 'zod';
import { messageOf, UnavailableError } from '../../lib/errors.ts';

/** A Postgres asked directly, on one connection. Nothing is written. */
export interface PostgresFacts {
  version: string;
  /** Its clock, in milliseconds since the epoch. */
  now(): Promise<number>;
  /** The newest migration that was applied; empty where none was. */
  schemaVersion(): Promise<string>;
  close(): Promise<void>;
}

/** What Postgres answers where a function does not exist. */
const UNDEFINED_FUNCTION = '42883';

/** Throws `UnavailableError` saying why it cannot be reached; the password is never part of that. */
export async function openPostgresFacts(databaseUrl: string, timeoutMs: number): Promise<PostgresFacts> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    application_name: 'hivepulse-doctor',
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (cause) {
    throw new UnavailableError(messageOf(cause) || 'no connection', { cause });
  }
  const value = async <T>(shape: z.ZodType<T>, sql: string): Promise<T> =>
    z.object({ value: shape }).parse((await client.query(`select ${sql} as value`)).rows[0]).value;
  return {
    version: await value(z.string(), `current_setting('server_version')`),
    now: () => value(z.coerce.number(), 'extract(epoch from clock_timestamp()) * 1000'),
    schemaVersion: async () => {
      try {
        return await value(z.string(), 'public.hivepulse_schema_version()');
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === UNDEFINED_FUNCTION) return '';
        throw error;
      }
    },
    close: () => client.end(),
  };
}
