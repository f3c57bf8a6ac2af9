import { Client, HTTPMessageHandler, type Middleware, type PageCollection, PageIterator, RedirectHandler } from '@microsoft/microsoft-graph-client';
import { onTestFinished } from 'vitest';
import type { MicrosoftOptions, MicrosoftStandIn } from '../../../demo/stand-ins/microsoft/contract.ts';
import { startMicrosoft } from '../../../demo/stand-ins/microsoft/server.ts';

export const ME = 'me@example.com';

/** The stand-in for Microsoft with one account, stopped when the test ends. */
export async function withMicrosoft(options?: MicrosoftOptions): Promise<MicrosoftStandIn> {
  const microsoft = await startMicrosoft(options);
  onTestFinished(microsoft.stop);
  microsoft.addAccount(ME);
  return microsoft;
}

/** Microsoft's own client for one account. Its own sign-in gives no token to plain HTTP; its handling of redirects is left in place. */
export function graphOf(microsoft: MicrosoftStandIn, scopes?: readonly string[]): Client {
  return graphAt(microsoft.url, microsoft.issueTokens(ME, scopes ? { scopes } : {}).accessToken);
}

export function graphAt(url: string, token: string): Client {
  const redirects = new RedirectHandler();
  redirects.setNext(new HTTPMessageHandler());
  const signIn: Middleware = {
    execute(context) {
      context.options = { ...context.options, headers: { ...headersOf(context.options?.headers), Authorization: `Bearer ${token}` } };
      return redirects.execute(context);
    },
  };
  const graph = Client.initWithMiddleware({ middleware: signIn, baseUrl: url, defaultVersion: 'v1.0' });
  const api = graph.api.bind(graph);
  // It takes links with https alone for links.
  graph.api = (path) => api(path.replace(`${url}/v1.0`, ''));
  return graph;
}

const headersOf = (headers: unknown): Record<string, string> => Object.fromEntries(new Headers(headers as Record<string, string> | undefined));

export type Resource = Record<string, unknown> & { id: string; name?: string };

export interface Round {
  /** In the order they came. */
  resources: Resource[];
  pages: number;
  deltaLink: string;
}

/** A round of delta, by the client's own iterator. */
export async function roundOf(graph: Client, path: string, headers: Record<string, string> = {}): Promise<Round> {
  const resources: Resource[] = [];
  let pages = 1;
  const first: PageCollection = await graph.api(path).headers(headers).get();
  const iterator = new PageIterator(
    graph,
    first,
    (resource: Resource) => {
      resources.push(resource);
      return true;
    },
    { headers, middlewareOptions: [] },
  );
  const get = graph.api.bind(graph);
  graph.api = (link) => {
    pages += 1;
    return get(link);
  };
  await iterator.iterate();
  graph.api = get;
  return { resources, pages, deltaLink: iterator.getDeltaLink() ?? '' };
}

/** By id; the last one counts. */
export const lastOf = (resources: readonly Resource[]): Map<string, Resource> => new Map(resources.map((resource) => [resource.id, resource]));

/** What an answer with an error was. */
export async function refusal(call: Promise<unknown>): Promise<{ status: number; code: string; headers: Headers }> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  // The client throws a GraphError for every answer that is no success.
  const { statusCode, code, headers } = error as { statusCode: number; code: string; headers: Headers };
  return { status: statusCode, code, headers };
}
