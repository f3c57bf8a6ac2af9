import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from '../deps.ts';
import { answerUnparsable } from './failures.ts';

const timers = new WeakMap<IncomingMessage, NodeJS.Timeout>();

/** Ends requests whose body takes longer to arrive. Node has one such limit for all routes, which is the one of files over slow lines. */
export function endSlowBodies(app: App, { bodyTimeoutMs }: { bodyTimeoutMs: number }): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (hasBody(request)) watch(request, reply, bodyTimeoutMs);
    done();
  });
}

/** From here on this body may take as long as the server allows any request. */
export function allowSlowBody({ raw }: FastifyRequest): void {
  clearTimeout(timers.get(raw));
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function watch({ raw }: FastifyRequest, reply: FastifyReply, timeoutMs: number): void {
  const timer = setTimeout(() => {
    if (reply.sent) raw.destroy();
    else answerUnparsable(Object.assign(new Error('The body took too long'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), raw.socket);
  }, timeoutMs);
  const stop = () => clearTimeout(timer);
  timers.set(raw, timer);
  raw.once('end', stop);
  raw.once('close', stop);
}
