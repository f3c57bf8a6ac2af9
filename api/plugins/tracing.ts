import type { FastifyRequest } from 'fastify';
import type { OpenSpan, Tracer } from '../../lib/telemetry/contract.ts';
import type { App } from '../deps.ts';

interface Traced {
  span: OpenSpan;
  error?: unknown;
}

/** A span for each request, going on from the caller's `traceparent`; named by its route, without ids. */
export function traceRequests(app: App, tracer: Tracer): void {
  const requests = new WeakMap<FastifyRequest, Traced>();

  app.addHook('onRequest', (request, _reply, done) => {
    const span = beginSpan(tracer, request);
    if (!span) return done();
    requests.set(request, { span });
    span.run(done);
  });
  // A body arrives outside of what surrounded its request.
  app.addHook('preValidation', (request, _reply, done) => {
    const traced = requests.get(request);
    if (traced) traced.span.run(done);
    else done();
  });
  app.addHook('onError', async (request, _reply, error) => {
    const traced = requests.get(request);
    if (traced) traced.error = error;
  });
  app.addHook('onResponse', async (request, { statusCode }) => end(request, statusCode));
  app.addHook('onRequestAbort', async (request) => end(request));

  function end(request: FastifyRequest, status?: number): void {
    const traced = requests.get(request);
    requests.delete(request);
    if (!traced) return;
    const { span, error } = traced;
    if (status !== undefined) span.set({ 'http.response.status_code': status });
    if (status === undefined) span.set({ 'error.type': 'aborted' });
    else if (status >= 500) span.fail(error);
    span.end();
  }
}

/** Asked every few seconds by probes, scrapers and browsers that watch: they would drown the rest. */
const UNTRACED = /^\/(health|metrics|api\/worker\/health|admin|docs)\b/;

function beginSpan(tracer: Tracer, { method, headers, routeOptions: { url: route, config } }: FastifyRequest): OpenSpan | undefined {
  if (route === undefined || UNTRACED.test(route) || config.access === 'stream') return undefined;
  const attributes = { 'http.request.method': method, 'http.route': route };
  // Strangers, who send notices here, do not decide which traces are kept.
  const parent = config.access === 'open' ? undefined : lastOf(headers.traceparent);
  // Without a caller's it begins a trace, whatever the connection is in.
  return tracer.begin(`${method} ${route}`, { kind: 'server', attributes, parent: parent ?? '' });
}

/** The caller's own instrumentation of HTTP may add a second one, which is nearer. */
function lastOf(header: string | string[] | undefined): string | undefined {
  return header?.toString().split(',').at(-1)?.trim();
}
