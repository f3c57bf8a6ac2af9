import { createServer, type Server, type ServerResponse } from 'node:http';
import { messageOf, PermanentError } from '../lib/errors.ts';
import { type Deadline, type Service, within } from '../lib/lifecycle.ts';
import { checkReadiness, isReady } from '../lib/readiness.ts';
import type { Core } from './parts.ts';

/** Of a `Core`, what it tells of. */
interface WorkerHttpDeps {
  connections: { db: Pick<Core['connections']['db'], 'check'> };
  queue: Pick<Core['queue'], 'ping'>;
  metrics: Pick<Core['metrics'], 'render' | 'contentType'>;
  silence: Pick<Core['silence'], 'queues'>;
  log: Core['log'];
}

/** Health and metrics of one worker or scheduler (`WORKER_PORT`), for probes and Prometheus; no keys, nothing but counts and names of parts. */
export function createWorkerHttp(
  { connections, queue, metrics, silence, log }: WorkerHttpDeps,
  { port, isRunning }: { port: number; isRunning: () => boolean },
): Service {
  const answers: Record<string, (response: ServerResponse) => Promise<void>> = {
    '/health/live': async (response) => {
      const live = isRunning() && silence.queues.length === 0;
      send(response, live ? 200 : 503, { live, ...(live ? {} : { silent: silence.queues }) });
    },
    '/health/ready': async (response) => {
      const parts = await checkReadiness({ ping: queue.ping, database: () => connections.db.check(), log });
      const ready = isRunning() && isReady(parts);
      send(response, ready ? 200 : 503, { ready, checks: { ...parts, process: isRunning() ? 'ok' : 'stopping' } });
    },
    '/metrics': async (response) => {
      const text = await metrics.render();
      response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
    },
  };
  const server = createServer((request, response) => {
    const answer = request.method === 'GET' ? answers[(request.url ?? '').split('?')[0] ?? ''] : undefined;
    if (!answer) return send(response, 404, { error: 'not_found' });
    answer(response).catch((error: unknown) => {
      log.warn({ event: 'http.failed', error: messageOf(error) }, 'a probe was not answered');
      send(response, 503, { error: 'unavailable' });
    });
  });
  return {
    name: 'worker-http',
    start: () => listen(server, port),
    stop: async (deadline: Deadline) => {
      server.closeAllConnections();
      await within(new Promise((resolve) => server.close(resolve)), deadline, undefined);
    },
  };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new PermanentError(`WORKER_PORT ${port} cannot be listened on: ${cause.message}`, { code: 'port_taken', cause })),
    );
    server.listen(port, resolve);
  });
}
