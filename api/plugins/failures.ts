import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../../lib/log.ts';
import type { App } from '../deps.ts';
import { answerFor, type ErrorBody, HttpError } from '../errors.ts';

export interface FailureOptions {
  log: Logger;
  bodyLimitBytes: number;
}

/** Answers every failure in one shape. Bull Board, whose plugin brings an error handler of its own, uses it as well. */
export type SendFailure = (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply;

export function createSendFailure({ log, bodyLimitBytes }: FailureOptions): SendFailure {
  return (error, request, reply) => {
    const { status, body, retryAfterSeconds, unexpected } = answerFor(error, { correlationId: request.id, bodyLimitBytes });
    if (unexpected) log.error({ event: 'http.error', correlationId: request.id, method: request.method, err: error }, 'request failed');
    if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds);
    return reply.code(status).type('application/json; charset=utf-8').send(body);
  };
}

/** What routes throw, unknown routes, and known routes by another method. */
export function answerFailures(app: App, sendFailure: SendFailure): void {
  const routes: { method: string; pattern: RegExp }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    if (url === '*') return;
    for (const one of [method].flat()) routes.push({ method: one, pattern: toPattern(url) });
  });
  app.setErrorHandler((error, request, reply) => sendFailure(error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '/';
    const allowed = [...new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))].sort();
    if (allowed.length === 0) {
      return sendFailure(new HttpError(404, 'not_found', `There is no route ${request.method} ${path}. All routes stand at /docs.`), request, reply);
    }
    reply.header('allow', allowed.join(', '));
    const message = `${path} does not take ${request.method}. It takes ${allowed.join(', ')}.`;
    return sendFailure(new HttpError(405, 'method_not_allowed', message, { allowed }), request, reply);
  });
}

/** `/a/:id/*` as a regular expression. */
function toPattern(url: string): RegExp {
  const escaped = url.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll(/:[^/]+/g, '[^/]+').replaceAll('*', '.*')}/?$`);
}

const parserStatus: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** What Node could not even parse never reaches a route; it gets the same shape. */
export function answerUnparsable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  const status = parserStatus[error.code ?? ''] ?? 400;
  const body: ErrorBody = { success: false, error: { code: 'bad_request', message: `${STATUS_CODES[status]}: this is not a request I can read.` } };
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
  );
}
