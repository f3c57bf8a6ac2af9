import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface Inbox {
  /** For `SMTP_URL`. */
  url: string;
  mails: { to: string[]; raw: string }[];
  stop(): Promise<void>;
}

/** A real SMTP server, which nobody here wrote, over a real socket; its certificate is its own. Takes everything, unless told otherwise. */
export async function startInbox(options: SMTPServerOptions = {}, scheme = 'smtp'): Promise<Inbox> {
  const mails: Inbox['mails'] = [];
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    onAuth: (_login, _session, done) => done(null, { user: 'user' }),
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), raw: Buffer.concat(chunks).toString('utf8') });
        done();
      });
    },
    ...options,
  });
  // Clients that hang up are what some tests are about.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { url: `${scheme}://127.0.0.1:${port}?tls.rejectUnauthorized=false`, mails, stop };
}

export interface Hook {
  /** For `BRIEF_WEBHOOK_URL`. */
  url: string;
  posts: { headers: IncomingMessage['headers']; body: string }[];
  stop(): Promise<void>;
}

/** Answers as told; 200 by itself. */
export async function startHook(answer: (response: ServerResponse) => void = (response) => response.end()): Promise<Hook> {
  const posts: Hook['posts'] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      posts.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook-secret`, posts, stop };
}
