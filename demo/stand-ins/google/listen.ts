import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ActiveFaults } from './faults.ts';
import { type Call, type Reply, readCall } from './http.ts';
import type { Entry, WritableJournal } from './journal.ts';

export interface ServeDeps {
  answer(call: Call): { reply: Reply; entry: Entry };
  faults: ActiveFaults;
  journal: WritableJournal;
}

export interface Listening {
  url: string;
  stop(): Promise<void>;
}

/** Calls whose answers are never cut: they are not of the API. */
const WHOLE: ReadonlySet<Entry['method']> = new Set(['consent', 'token', 'revoke', 'certs']);

/** On a free port of the loopback interface. */
export async function serve({ answer, faults, journal }: ServeDeps): Promise<Listening> {
  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = await readCall(incoming);
    if (faults.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, faults.latencyMs));
    const { reply, entry } = answer(call);
    journal.note(entry);
    await send(response, reply, !WHOLE.has(entry.method) && faults.takeCut(entry.method));
  }
  const server = createServer((incoming, response) => {
    handle(incoming, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: urlOf(server), stop: () => close(server) };
}

/** `cut`: half of it, then nothing. */
async function send(response: ServerResponse, { status, headers, body, content }: Reply, cut: boolean): Promise<void> {
  const length = content?.length ?? Buffer.byteLength(body);
  response.writeHead(status, { ...headers, ...(status === 204 ? {} : { 'content-length': length }) });
  if (content) await stream(response, content.chunks(), cut ? Math.floor(length / 2) : length);
  if (cut && !content) response.write(body.slice(0, Math.floor(body.length / 2)), () => response.destroy());
  else if (cut) response.destroy();
  else response.end(content ? undefined : body);
}

/** As fast as it is read; until the other side has gone. */
async function stream(response: ServerResponse, chunks: Iterable<Uint8Array>, length: number): Promise<void> {
  let left = length;
  for (const chunk of chunks) {
    if (left <= 0 || response.destroyed) return;
    const part = chunk.subarray(0, left);
    left -= part.length;
    await new Promise<void>((resolve) => response.write(part, () => resolve()));
  }
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The stand-in for Google has no port');
  return `http://127.0.0.1:${address.port}`;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
