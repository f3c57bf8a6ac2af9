/** @supabase/lite over real HTTP: for compose, and for tests. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Deadline, within } from '../lifecycle.ts';
import type { LiteDb } from './lite.ts';

export interface LiteServer {
  /** Resolves to the port; 0 lets the system choose. */
  listen(port: number, host: string): Promise<number>;
  stop(deadline: Deadline): Promise<void>;
}

/** Longer bodies are refused: rows, not files, come this way. */
const BODY_LIMIT_BYTES = 64 * 1024 * 1024;

/** `live` is asked at `/health/live`, without a key. */
export function createLiteServer({ fetch }: Pick<LiteDb, 'fetch'>, live: () => Promise<void>): LiteServer {
  const server = createServer((request, response) => {
    answer(request, response).catch(() => fail(response, 500));
  });
  // As gateways do; Node by itself hangs up on a quiet client after 5 s.
  server.keepAliveTimeout = 60_000;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/health/live') return live().then(() => fail(response, 200));
    const body = await readBody(request);
    if (body === undefined) return fail(response, 413);
    const answered = await fetch(`http://${request.headers.host ?? 'localhost'}${request.url ?? '/'}`, {
      method: request.method ?? 'GET',
      headers: headersOf(request),
      body: hasBody(request) ? body : null,
    });
    response.writeHead(answered.status, Object.fromEntries(answered.headers));
    response.end(Buffer.from(await answered.arrayBuffer()));
  }

  return {
    listen: (port, host) => listen(server, port, host),
    async stop(deadline) {
      server.closeAllConnections();
      await within(new Promise((resolve) => server.close(resolve)), deadline, undefined);
    },
  };
}

const hasBody = ({ method }: IncomingMessage): boolean => method !== 'GET' && method !== 'HEAD';

/** Undefined when it is too long. */
async function readBody(request: IncomingMessage): Promise<Buffer<ArrayBuffer> | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    // Read to its end all the same: an answer before that may not reach whoever is still sending.
    if (bytes <= BODY_LIMIT_BYTES) chunks.push(chunk);
  }
  return bytes > BODY_LIMIT_BYTES ? undefined : Buffer.concat(chunks);
}

function headersOf(request: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, Array.isArray(value) ? value.join(', ') : (value ?? ''));
  return headers;
}

/** Without a word more: what went wrong may name hosts. */
function fail(response: ServerResponse, status: number): void {
  if (response.headersSent) response.destroy();
  else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ status }));
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // An address is a string only for sockets in the file system.
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}
