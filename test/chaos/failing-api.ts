import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands between Hivepulse and the database API, and fails its requests on command. */
export interface FailingApi {
  readonly url: string;
  /** Each request gets one of these answers from now on, chosen by `pick` (0 to 1); `heal` ends it. */
  breakWith(faults: readonly Fault[], pick: () => number): void;
  heal(): void;
  /** Requests failed so far. */
  readonly failed: number;
  stop(): Promise<void>;
}

/** `lost`: the database does what it was asked, and the caller is told 500 all the same. `cut`: the same, with a connection that ends. */
export type Fault = 'error 500' | 'gateway 502' | 'lost' | 'cut';

export async function startFailingApi(target: string): Promise<FailingApi> {
  let next: (() => Fault | undefined) | undefined;
  let failed = 0;

  const server = createServer(async (incoming, response) => {
    const fault = next?.();
    if (fault) failed += 1;
    if (fault === 'error 500' || fault === 'gateway 502') return refuse(response, fault);
    const headers = new Headers();
    for (const [name, value] of Object.entries(incoming.headers)) if (typeof value === 'string' && !HOP.has(name)) headers.set(name, value);
    const { method = 'GET', url = '/' } = incoming;
    const body = method === 'GET' || method === 'HEAD' ? null : Buffer.concat(await incoming.toArray());
    const answer = await fetch(target + url, { method, headers, body });
    const text = await answer.arrayBuffer();
    if (fault === 'lost') return refuse(response, 'error 500');
    if (fault === 'cut') return response.destroy();
    const kept = [...answer.headers].filter(([name]) => !HOP.has(name) && name !== 'content-encoding');
    response.writeHead(answer.status, Object.fromEntries(kept));
    return response.end(Buffer.from(text));
  });
  server.keepAliveTimeout = 60_000;
  server.on('clientError', (_, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // An address is a string only for sockets in the file system.
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    get failed() {
      return failed;
    },
    breakWith: (faults, pick) => {
      next = () => faults[Math.floor(pick() * faults.length)];
    },
    heal: () => {
      next = undefined;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Of one connection, not of the request. */
const HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'host', 'expect']);

/** As Supabase's gateway does: JSON from PostgREST, a page from whatever stands before it. */
function refuse(response: ServerResponse, fault: 'error 500' | 'gateway 502'): void {
  if (fault === 'gateway 502') response.writeHead(502, { 'content-type': 'text/html' }).end('<html><body>Bad gateway</body></html>');
  else response.writeHead(500, { 'content-type': 'application/json' }).end('{"message":"An internal error"}');
}
