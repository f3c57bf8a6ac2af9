import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { App } from '../deps.ts';
import { HttpError } from '../errors.ts';

/**
 * Lets `app.close()` end as soon as the requests under way are answered. Node waits for every connection that is not idle, and counts
 * those as busy that browsers open in advance and never use, for as long as a request may take to arrive.
 */
export function closePromptly(app: App): void {
  const sockets = new Set<Socket>();
  let closing = false;

  app.server.on('connection', (socket: Socket) => {
    if (closing) return void socket.destroy();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  app.addHook('preClose', async () => {
    closing = true;
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    if (app.server.listening) closeWhatComesToRest(app.server);
  });
  app.addHook('onRequest', async () => {
    if (closing) throw new HttpError(503, 'shutting_down', 'This process is shutting down. Try again: another one will answer.');
  });
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
}

const LOOK_EVERY_MS = 50;

/** Node looks once, as it starts to close. A connection that was answered before its whole body was there comes to rest later, and would be kept alive. */
function closeWhatComesToRest(server: Server): void {
  const timer = setInterval(() => server.closeIdleConnections(), LOOK_EVERY_MS);
  server.once('close', () => clearInterval(timer));
}
