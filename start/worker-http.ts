import { createServer, type Server, type ServerResponse } from 'node:http';
import { messageOf, PermanentError } from '../lib/errors.ts';
import { type Deadline, type Service, within } from '../lib/lifecycle.ts';
import type { Core } from './parts.ts';

/** Longest wait of a probe for queue and database. */
const PROBE_MS = 2_000;

/** Health and metrics of one worker process (`WORKER_PORT`), for probes and Prometheus; no keys, nothing but counts. */
export function createWorkerHttp(
  { connections, queue, metrics }: Pick<Core, 'connections' | 'queue' | 'metrics'>,
  { port, isRunning }: { port: number; isRunning: () => boolean },
): Service {
  const answers: Record<string, (response: ServerResponse) => Promise<void>> = {
    '/health/live': async (response) => send(response, isRunning() ? 200 : 503, { live: isRunning() }),
    '/health/ready': async (response) => {
      await Promise.all([queue.ping(PROBE_MS), connections.db.check()]);
      send(response, isRunning() ? 200 : 503, { ready: isRunning() });
    },
    '/metrics': async (response) => {
      const text = await metrics.render();
      response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
    },
  };
  const server = createServer((request, response) => {
    const answer = request.method === 'GET' ? answers[(request.url ?? '').split('?')[0] ?? ''] : undefined;
    if (!answer) return send(response, 404, { error: 'not_found' });
    answer(response).catch((error: unknown) => send(response, 503, { ready: false, error: messageOf(error) }));
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
