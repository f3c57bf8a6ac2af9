import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openLite } from '../../lib/db/lite.ts';
import { migrate } from '../../lib/db/migrate.ts';

/** A Supabase API of one's own over real HTTP: @supabase/lite in front of a real Postgres. */
export interface LiteServer {
  readonly url: string;
  readonly port: number;
  readonly serviceKey: string;
  readonly publishableKey: string;
  readonly jwtSecret: string;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

/** Migrates the database first. */
export async function startLiteServer(databaseUrl: string): Promise<LiteServer> {
  await migrate({ databaseUrl });
  const { db, fetch, serviceKey, publishableKey, jwtSecret } = await openLite({ databaseUrl });
  const server = createServer((request, response) => {
    relay(fetch, request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  // As gateways do; Node by itself hangs up on a quiet client after 5 s.
  server.keepAliveTimeout = 60_000;
  const port = await listen(server);
  let stopping: Promise<void> | undefined;
  const end = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await db.close();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    serviceKey,
    publishableKey,
    jwtSecret,
    stop: () => {
      stopping ??= end();
      return stopping;
    },
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // An address is a string only for sockets in the file system.
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function relay(fetch: typeof globalThis.fetch, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, Array.isArray(value) ? value.join(', ') : (value ?? ''));
  const { method = 'GET', url = '/' } = request;
  const body = method === 'GET' || method === 'HEAD' ? null : Buffer.concat(chunks);
  const answer = await fetch(`http://${request.headers.host}${url}`, { method, headers, body });
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.end(Buffer.from(await answer.arrayBuffer()));
}
