import { answer, type Client } from './rest.ts';
import { afterCursor, toPage } from './rows.ts';
import type { Page } from './types.ts';

export interface NewestFirst {
  limit: number;
  /** That of the page before. */
  cursor?: string | undefined;
  /** What columns must hold; those without a value say nothing. */
  where?: Readonly<Record<string, string | undefined>>;
  /** What the table's ids are. Default: uuids. */
  ids?: 'uuid' | 'number';
}

/** A page of a table by `created_at` and id, newest first. Throws `InvalidInputError` for a cursor that is none. */
export async function newestFirst<T>(
  client: Client,
  table: string,
  { limit, cursor, where = {}, ids }: NewestFirst,
  parse: (row: unknown) => T,
): Promise<Page<T>> {
  const newest = { ascending: false };
  let query = client
    .from(table)
    .select()
    .order('created_at', newest)
    .order('id', newest)
    .limit(limit + 1);
  for (const [column, value] of Object.entries(where)) if (value) query = query.eq(column, value);
  if (cursor) query = query.or(afterCursor('created_at', cursor, ids));
  return toPage(await answer(query), limit, 'created_at', parse);
}
