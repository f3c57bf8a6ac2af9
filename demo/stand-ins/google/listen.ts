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
    send(response, reply, !WHOLE.has(entry.method) && faults.takeCut());
  }
  const server = createServer((incoming, response) => {
    handle(incoming, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: urlOf(server), stop: () => close(server) };
}

/** `cut`: half of it, then nothing. */
function send(response: ServerResponse, { status, headers, body }: Reply, cut: boolean): void {
  response.writeHead(status, { ...headers, ...(status === 204 ? {} : { 'content-length': Buffer.byteLength(body) }) });
  if (cut) response.write(body.slice(0, Math.floor(body.length / 2)), () => response.destroy());
  else response.end(body);
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
