import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { runWithContext } from '../../lib/context.ts';
import type { Logger } from '../../lib/log.ts';
import type { App } from '../deps.ts';

const SANE = /^[\w.:-]{1,128}$/;

/** The caller's own id when it is one that can stand in a log line, else a new one. Fastify keeps it as `request.id`. */
export function correlationIdOf(message: IncomingMessage): string {
  const given = message.headers['x-correlation-id'];
  return typeof given === 'string' && SANE.test(given) ? given : randomUUID();
}

/** Everything that a request sets off carries its correlation id: jobs, log lines, the answer. One log line per request, without bodies, queries or tokens. */
export function correlate(app: App, log: Logger): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-correlation-id', request.id);
    runWithContext({ correlationId: request.id }, done);
  });
  app.addHook('onResponse', async (request, reply) => logRequest(log, request, reply));
}

function logRequest(log: Logger, request: FastifyRequest, reply: FastifyReply): void {
  const { caller } = request;
  const line = {
    event: 'http.request',
    correlationId: request.id,
    method: request.method,
    path: request.url.split('?', 1)[0],
    status: reply.statusCode,
    durationMs: Math.round(reply.elapsedTime),
    ...(caller ? { caller: caller.kind } : {}),
    ...(caller && 'userId' in caller && caller.userId ? { userId: caller.userId } : {}),
  };
  // Probes and scrapes would drown the rest.
  const level = request.routeOptions.config.access === 'open' && reply.statusCode < 400 ? 'debug' : 'info';
  log[level](line, 'request answered');
}
