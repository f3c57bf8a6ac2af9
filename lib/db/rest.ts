/** What the tables need of supabase-js, so that each query says only what it asks. */
import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { PermanentError } from '../errors.ts';

/** Rows stay `unknown` until a schema has parsed them. */
export type Client = SupabaseClient;

/** Anything of supabase-js that is sent when it is awaited. */
interface Query {
  throwOnError(): PromiseLike<{ data: unknown }>;
}

/** The answer's data. Rejects with the errors of `bounded-fetch.ts`, never resolves to an error. */
export async function answer(query: Query): Promise<unknown> {
  const { data } = await query.throwOnError();
  return data;
}

/** Throws `PermanentError` (`unexpected_row`, naming the column) when a row is not as the migrations make it. */
export function parseRow<T>(schema: z.ZodType<T>, row: unknown, table: string): T {
  const parsed = schema.safeParse(row);
  if (parsed.success) return parsed.data;
  const problems = z.prettifyError(parsed.error);
  throw new PermanentError(`A row of ${table} is not as expected: ${problems}. Are the migrations applied? Run: npm run migrate`, {
    code: 'unexpected_row',
    details: { table },
  });
}

/** The first row of an answer that has at most one. */
export function firstRow(rows: unknown): unknown {
  return Array.isArray(rows) ? rows[0] : (rows ?? undefined);
}

/** What a SQL function that returns jsonb answers. Some servers hand it on as text. */
export async function callJson<T>(client: Client, name: string, args: Record<string, unknown>, schema: z.ZodType<T>): Promise<T> {
  const answered = await answer(client.rpc(name, args));
  return parseRow(schema, typeof answered === 'string' ? JSON.parse(answered) : answered, name);
}
