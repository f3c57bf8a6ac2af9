import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type Call, type Reply, readCall } from './http.ts';

/** What becomes of one call. */
export interface Handling {
  reply: Reply;
  /** Half of the answer, then nothing. */
  cut: boolean;
}

export interface ServeDeps {
  /** As soon as it has come in; what it returns is called when the answer has gone out. */
  begin(call: Call): () => void;
  answer(call: Call): Promise<Handling>;
  latencyMs(): number;
}

export interface Listening {
  port: number;
  stop(): Promise<void>;
}

/** On a free port of the loopback interface. */
export async function serve({ begin, answer, latencyMs }: ServeDeps): Promise<Listening> {
  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = await readCall(incoming);
    const end = begin(call);
    response.once('close', end);
    if (latencyMs() > 0) await wait(latencyMs());
    const { reply, cut } = await answer(call);
    await send(response, call, reply, cut);
  }
  const server = createServer({ highWaterMark: 1_048_576 }, (incoming, response) => {
    handle(incoming, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on a port has an address of this shape.
  const { port } = server.address() as AddressInfo;
  async function stop(): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
  return { port, stop };
}

async function send(response: ServerResponse, call: Call, { status, headers, body }: Reply, cut: boolean): Promise<void> {
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  response.writeHead(status, { ...headers, ...(status === 204 ? {} : { 'content-length': length }) });
  const chunks = typeof body === 'string' ? [Buffer.from(body)] : body.chunks();
  let left = cut ? Math.floor(length / 2) : length;
  for (const chunk of call.method === 'HEAD' ? [] : chunks) {
    if (response.destroyed || left === 0) break;
    const part = chunk.subarray(0, left);
    left -= part.length;
    if (!response.write(part)) await roomIn(response);
  }
  // What was written is on its way before the connection breaks.
  if (cut) response.write('', () => response.destroy());
  else response.end();
}

/** Until what was written has gone out, or nobody takes it any more. */
function roomIn(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    function go(): void {
      response.off('drain', go).off('close', go);
      resolve();
    }
    response.on('drain', go).on('close', go);
  });
}
