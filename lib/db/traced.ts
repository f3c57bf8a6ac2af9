import type { Tracer } from '../telemetry/contract.ts';
import type { Fetch } from './bounded-fetch.ts';
import type { Client } from './rest.ts';

const OPERATIONS: Readonly<Record<string, string>> = {
  GET: 'SELECT',
  HEAD: 'SELECT',
  POST: 'INSERT',
  PUT: 'INSERT',
  PATCH: 'UPDATE',
  DELETE: 'DELETE',
};
const PATH = /\/rest\/v1\/(rpc\/)?(\w+)$/;

/** A span for each call: the function or table and what is done, never arguments or filters. */
export function tracedFetch(fetch: Fetch, tracer: Tracer): Fetch {
  return async (input, init) => {
    const request = input instanceof Request ? input : { url: String(input), method: init?.method ?? 'GET' };
    const { name, attributes } = describe(request);
    return tracer.span(name, { kind: 'client', attributes }, () => fetch(input, init));
  };
}

function describe({ url, method }: Pick<Request, 'url' | 'method'>) {
  const [, isCall, target] = PATH.exec(new URL(url).pathname) ?? [];
  const operation = isCall ? 'CALL' : (OPERATIONS[method] ?? method);
  return {
    // What is no table and no function is asked of the server beside the database: who a user is.
    name: target ? `${operation} ${target}` : `${method} auth`,
    attributes: {
      'db.system.name': 'postgresql',
      ...(target ? { 'db.operation.name': operation, [isCall ? 'db.stored_procedure.name' : 'db.collection.name']: target } : {}),
    },
  };
}

/**
 * Jobs that are asked for in the database keep the trace they were asked in: our SQL functions store the options of what they ask for with it,
 * and the relay reads them (`outbox.ts`). Changes `client`.
 */
export function carryTrace(client: Client, tracer: Tracer): Client {
  const rpc = client.rpc.bind(client);
  const carrying = (name: string, args?: Record<string, unknown>, options?: Record<string, unknown>) =>
    rpc(name, args && withTraceparent(args, tracer.traceparent()), options);
  // Names and arguments are handed on as they came, whatever the types of this call are.
  client.rpc = carrying as typeof client.rpc;
  return client;
}

function withTraceparent(args: Record<string, unknown>, traceparent: string | undefined): Record<string, unknown> {
  if (traceparent === undefined) return args;
  const { p_options: options, p_asked: asked } = args;
  if (isObject(options)) return { ...args, p_options: { ...options, traceparent } };
  if (typeof options === 'string') return { ...args, p_options: JSON.stringify({ ...parseObject(options), traceparent }) };
  // Briefs: the options are part of what is asked.
  const briefs = typeof asked === 'string' ? parseObject(asked) : {};
  if (!isObject(briefs.options)) return args;
  return { ...args, p_asked: JSON.stringify({ ...briefs, options: { ...briefs.options, traceparent } }) };
}

function parseObject(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
