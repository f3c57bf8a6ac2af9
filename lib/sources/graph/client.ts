/** Microsoft's client for one account and one run. Tokens, pauses and repetition are ours: it builds a request, and reads its answer. */
import type { Context } from '@microsoft/microsoft-graph-client';
import type { Clock } from '../../clock.ts';
import { refusalOf } from '../../provider-failure.ts';
import { type CallerDeps, type CallTimings, createCaller, DEFAULT_CALL_TIMINGS } from '../calls.ts';
import type { Access } from '../contract.ts';
import { createAddresses } from './address.ts';
import { wholeAnswer } from './body.ts';
import type { Graph, GraphRequest } from './contract.ts';
import { createDownloads } from './download.ts';
import { adviceFor, failureOf } from './failure.ts';

export interface GraphDeps {
  connectionId: string;
  accounts: CallerDeps['accounts'];
  store: CallerDeps['store'];
  clock: Clock;
  signal: AbortSignal;
  /** `GRAPH_BASE_URL`; undefined: Microsoft's own. */
  baseUrl: string | undefined;
  /** As people call it, such as `SharePoint`. */
  label: string;
  /** What its account must have allowed; for advice. */
  access: Access;
  /** So many calls at a time, in all processes together. */
  slots?: number;
  timings?: Partial<CallTimings> | undefined;
  tracer?: CallerDeps['tracer'];
}

type Verb = 'get' | 'post' | 'patch' | 'delete';

export interface Sent {
  token: string;
  signal: AbortSignal;
  headers?: Readonly<Record<string, string>> | undefined;
}

/** A page of a thousand items with all that can be told of them is below 4 MiB; a page of mails below 40. */
const MOST_JSON_BYTES = 64 * 1024 * 1024;

export function createGraph(deps: GraphDeps): Graph {
  const { label, clock, signal, access } = deps;
  const addresses = createAddresses(deps.baseUrl);
  const caller = createCaller({
    ...deps,
    limitKey: `account:microsoft:${deps.connectionId}`,
    failureOf: (error) => failureOf(error, clock.now()),
    advice: (failure) => adviceFor(failure, access),
  });

  /** The client's own handlers would send no token to a plain-http host, repeat calls, and follow redirects with the token. */
  function sender({ token, signal: ends, headers }: Sent, link: string | undefined, whole: boolean) {
    let broken: unknown;
    const execute = async (context: Context): Promise<void> => {
      const { method, body, headers: own } = context.options ?? {};
      try {
        const response = await fetch(link ?? String(context.request), {
          method: method ?? 'GET',
          headers: { ...Object.fromEntries(new Headers(own)), ...headers, authorization: `Bearer ${token}` },
          ...(body === undefined || body === null ? {} : { body }),
          redirect: 'manual',
          signal: ends,
        });
        context.response = whole ? await wholeAnswer(response, MOST_JSON_BYTES, label) : response;
      } catch (error) {
        broken = error;
        throw error;
      }
    };
    // The client keeps the message of what broke the connection, but not its code.
    return { execute, broken: () => broken };
  }

  /** A link goes to the middleware whole: the client takes addresses apart and would put them together in another order. */
  async function send<T>(verb: Verb, address: string, sent: Sent, body?: unknown, raw = false): Promise<T> {
    const link = addresses.linkOf(address);
    const { Client, ResponseType } = await import('@microsoft/microsoft-graph-client');
    const { execute, broken } = sender(sent, link, !raw);
    const request = Client.initWithMiddleware({ baseUrl: addresses.baseUrl, middleware: { execute } })
      .api(link === undefined ? address : '/')
      .responseType(raw ? ResponseType.RAW : ResponseType.JSON);
    try {
      return await (verb === 'post' || verb === 'patch' ? request[verb](body) : request[verb]());
    } catch (error) {
      throw broken() ?? error;
    }
  }

  async function ask<T>(verb: Verb, address: string, { method, fields, headers }: GraphRequest, body?: unknown): Promise<T> {
    addresses.linkOf(address);
    return caller({ method, ...(fields ? { fields } : {}), send: (token, ends) => send<T>(verb, address, { token, signal: ends, headers }, body) });
  }

  const unlessMissing = (error: unknown): undefined => {
    if (refusalOf(error)?.status !== 404) throw error;
  };

  const downloads = createDownloads({
    caller,
    addresses,
    raw: (path, sent) => send<Response>('get', path, sent, undefined, true),
    label,
    signal,
    idleMs: deps.timings?.idleMs ?? DEFAULT_CALL_TIMINGS.idleMs,
  });

  return {
    get: (path, request) => ask('get', path, request),
    find: (path, request) => ask<never>('get', path, request).catch(unlessMissing),
    post: (path, body, request) => ask('post', path, request, body),
    patch: (path, body, request) => ask('patch', path, request, body),
    remove: async (path, request) => ask<undefined>('delete', path, request).catch(unlessMissing),
    download: downloads.download,
    get calls() {
      return caller.calls + downloads.redirects;
    },
  };
}
