/**
 * SQL functions in the words of PostgREST, without a server in between: one statement each, as the service role.
 * @supabase/lite asks the database about twenty times for a call; the relay and the workers live on such calls.
 */
import { UnavailableError } from '../errors.ts';
import type { Fetch } from './bounded-fetch.ts';
import { timeoutOf } from './slow-calls.ts';

export interface RpcFetch {
  /** Calls of functions, and single rows by their id; whatever else is asked for answers 404. */
  fetch: Fetch;
  close(): Promise<void>;
}

/** One statement, already as the service role; rejects with the database's own error (`code`, `detail`, `hint`), or with whatever says that it is away. */
export type RunStatement = (sql: string, parameters: unknown[], calledFunction?: string) => Promise<{ answer: unknown }[]>;

/** Nothing listens there. */
export const RPC_URL = 'http://127.0.0.1:54321';
const NAME = /^[a-z][a-z0-9_]{0,62}$/;
const SQLSTATE = /^[0-9A-Z]{5}$/;

const SHAPE = `
  select jsonb_build_object('set', p.proretset, 'void', p.prorettype = 'void'::regtype) as answer
  from pg_catalog.pg_proc p where p.pronamespace = 'public'::regnamespace and p.proname = $1
`;
interface Shape {
  set: boolean;
  void: boolean;
}

/** Answers what `answers` is asked of `/rest/v1/rpc/…` with POST. */
export function createRpcAnswers(run: RunStatement): (request: Request) => Promise<Response> {
  const shapes = new Map<string, Shape>();

  async function answered(sql: string, parameters: unknown[], name?: string): Promise<Response> {
    try {
      const [row] = await run(sql, parameters, name);
      return Response.json(row?.answer ?? null);
    } catch (error) {
      return failure(error);
    }
  }

  async function shapeOf(name: string): Promise<Shape | undefined> {
    const known = shapes.get(name);
    if (known) return known;
    const [row] = await run(SHAPE, [name]);
    // Built by the statement above.
    const shape = row?.answer as Shape | undefined;
    if (shape) shapes.set(name, shape);
    return shape;
  }

  async function call(name: string, args: Record<string, unknown>): Promise<Response> {
    const shape = await shapeOf(name).catch(failure);
    if (shape instanceof Response) return shape;
    if (!shape) return Response.json({ code: 'PGRST202', message: `Could not find the function public.${name}` }, { status: 404 });
    const names = Object.keys(args).filter((key) => NAME.test(key));
    const list = names.map((key, index) => `${key} => $${index + 1}`).join(', ');
    return answered(
      statement(name, list, shape),
      names.map((key) => parameter(args[key])),
      name,
    );
  }

  return async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const [kind = '', name = ''] = pathname.replace('/rest/v1/', '').split('/');
    if (kind === 'rpc' && NAME.test(name)) return call(name, (await request.json()) as Record<string, unknown>);
    const id = searchParams.get('id')?.replace(/^eq\./, '');
    if (request.method === 'GET' && NAME.test(kind) && id) {
      return answered(`select coalesce(jsonb_agg(to_jsonb(r)), '[]') as answer from public.${kind} r where r.id = $1`, [id]);
    }
    return Response.json({ message: 'Not served here' }, { status: 404 });
  };
}

function statement(name: string, list: string, shape: Shape): string {
  if (shape.set) return `select coalesce(jsonb_agg(to_jsonb(r)), '[]') as answer from public.${name}(${list}) r`;
  return shape.void ? `select null as answer from public.${name}(${list})` : `select to_jsonb(public.${name}(${list})) as answer`;
}

/** Objects and lists are JSON to the database. */
function parameter(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
}

function failure(error: unknown): Response {
  const { code, message, detail, hint } = error as { code?: unknown; message?: string; detail?: string; hint?: string };
  if (typeof code !== 'string' || !SQLSTATE.test(code))
    throw new UnavailableError('Postgres is not reachable', { code: 'database_unreachable', cause: error });
  return Response.json({ code, message, details: detail ?? null, hint: hint ?? null }, { status: code === 'PT402' ? 402 : 400 });
}

export interface RpcFetchOptions {
  databaseUrl: string;
  /** Longest time for one statement, in milliseconds; slow ones (`slow-calls.ts`) get more. */
  timeoutMs: number;
  /** Connections, opened when needed. */
  poolSize: number;
  /**
   * Act as the service role, which holds for a connection's whole session: not through a pooler in transaction mode, where it would reach
   * other clients. Without it, as whoever logs in.
   */
  asServiceRole?: boolean;
}

export async function createRpcFetch({ databaseUrl, timeoutMs, poolSize, asServiceRole = false }: RpcFetchOptions): Promise<RpcFetch> {
  const { default: pg } = await import('pg');
  const limits = { connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs, idleTimeoutMillis: 10_000, allowExitOnIdle: true };
  // Awaited before the connection's first statement.
  const onConnect = async (client: { query(sql: string): Promise<unknown> }): Promise<void> => {
    await client.query('set role service_role');
  };
  const pool = new pg.Pool({ connectionString: databaseUrl, max: poolSize, ...limits, ...(asServiceRole ? { onConnect } : {}) });
  // A connection that is cut while idle is replaced by the next query.
  pool.on('error', () => undefined);
  const answer = createRpcAnswers(async (text, values, name = '') => {
    const query = { text, values, query_timeout: timeoutOf(name, timeoutMs) };
    return (await pool.query<{ answer: unknown }>(query)).rows;
  });
  return { fetch: (input, init) => answer(new Request(input, init)), close: () => pool.end() };
}

/** Calls of functions with the service key go straight to the database, everything else to `fetch`. */
export function callingDirectly(
  fetch: Fetch,
  { serviceKey, answer }: { serviceKey: string; answer: (request: Request) => Promise<Response> },
): Fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const own = request.headers.get('authorization') === `Bearer ${serviceKey}`;
    const isCall = request.method === 'POST' && new URL(request.url).pathname.startsWith('/rest/v1/rpc/');
    return own && isCall ? answer(request) : fetch(request);
  };
}
