import pg from 'pg';

/** The values become parameters. */
export type Tag = <T = Record<string, unknown>>(text: TemplateStringsArray, ...values: unknown[]) => Promise<T[]>;

export interface Session {
  sql: Tag;
  end(): Promise<void>;
}

/** A connection that may be cut at any time: the query under way rejects, and nothing else happens. */
export async function openSession(url: string): Promise<Session> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  const sql = async (text: TemplateStringsArray, ...values: unknown[]) => {
    const query = text.reduce((before, after, index) => `${before}$${index}${after}`);
    return (await client.query(query, values)).rows;
  };
  // What a query answers is as its caller says.
  return { sql: sql as Tag, end: () => client.end().catch(() => {}) };
}
