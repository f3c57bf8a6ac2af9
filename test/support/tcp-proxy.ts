import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** Stands between a client and a server on this machine and misbehaves on command. */
export interface TcpProxy {
  readonly port: number;
  /** `redis://127.0.0.1:<port>` unless another scheme is named. */
  url(scheme?: string): string;
  /** Connections open now. */
  readonly connections: number;
  /** Destroys all open connections (both ends see a reset or an end); new ones are still accepted. */
  cut(): void;
  /** Holds bytes back, in order, until `resume()`; connections stay open, as when a cable is pulled. `replies` holds only what the server says. */
  pause(direction?: Direction): void;
  resume(): void;
  /**
   * From now on nothing arrives any more on connections whose client has said one of the `marks`, or says it later; whatever is on its way is lost. As when
   * something in between has forgotten them: both ends still hold them for open. The others go on. `resume()` ends it for connections made afterwards.
   */
  swallow(): void;
  /** Stops listening: new connections are refused, as when the server is down. Open ones stay: see `cut()`. */
  refuse(): Promise<void>;
  /** Listens again, on the same port. */
  accept(): Promise<void>;
  /** Each byte, both ways, arrives this much later from now on. 0 = at once. */
  delay(ms: number): void;
  /** Resolves when the client has sent a chunk that contains `text`, from now on; the chunk has been handed on (or is held, when paused). */
  seen(text: string): Promise<void>;
  stop(): Promise<void>;
}

export type Direction = 'both' | 'requests' | 'replies';
interface Connection {
  deaf: boolean;
}
type OneWay = Exclude<Direction, 'both'>;

/** `marks`: see `swallow`. Each is looked for in what arrives at once. */
export async function startProxy(targetPort: number, { marks = [] }: { marks?: readonly string[] } = {}): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const watchers = new Set<(chunk: Buffer) => void>();
  const gates = { requests: createGate(), replies: createGate() };
  const marked = new Set<Connection>();
  let swallowing = false;
  let delayMs = 0;
  let server: Server | undefined;
  let port = 0;

  const note = (connection: Connection, said: Buffer) => {
    if (!marks.some((mark) => said.includes(mark))) return;
    marked.add(connection);
    if (swallowing) connection.deaf = true;
  };

  const forward = (from: Socket, to: Socket, way: OneWay, connection: Connection) => {
    let sent = Promise.resolve();
    const later = (action: () => void) => {
      const due = performance.now() + delayMs;
      sent = sent.then(async () => {
        await gates[way].opened();
        const left = due - performance.now();
        if (left > 0) await pause(left);
        if (!to.destroyed) action();
      });
    };
    from.on('data', (chunk) => {
      if (way === 'requests') note(connection, chunk);
      later(() => connection.deaf || to.write(chunk));
      if (way === 'requests') for (const watcher of watchers) watcher(chunk);
    });
    from.on('end', () => later(() => to.end()));
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      marked.delete(connection);
      later(() => to.destroy());
    });
  };

  const join = (client: Socket) => {
    const upstream = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true });
    for (const socket of [client, upstream]) sockets.add(socket.setNoDelay());
    const connection = { deaf: false };
    forward(client, upstream, 'requests', connection);
    forward(upstream, client, 'replies', connection);
  };

  const accept = async () => {
    if (server !== undefined) return;
    server = createServer({ allowHalfOpen: true }, join);
    port = await listen(server, port);
  };
  const refuse = async () => {
    const closing = server;
    server = undefined;
    closing?.close();
  };
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const resume = () => {
    swallowing = false;
    for (const gate of Object.values(gates)) gate.open();
  };

  await accept();
  return {
    port,
    url: (scheme = 'redis') => `${scheme}://127.0.0.1:${port}`,
    get connections() {
      return Math.ceil(sockets.size / 2);
    },
    cut,
    pause: (direction = 'both') => {
      if (direction !== 'replies') gates.requests.close();
      if (direction !== 'requests') gates.replies.close();
    },
    resume,
    swallow: () => {
      swallowing = true;
      for (const connection of marked) connection.deaf = true;
    },
    refuse,
    accept,
    delay: (ms) => {
      delayMs = ms;
    },
    seen: (text) =>
      new Promise((resolve) => {
        const watcher = (chunk: Buffer) => {
          if (!chunk.includes(text)) return;
          watchers.delete(watcher);
          resolve();
        };
        watchers.add(watcher);
      }),
    stop: async () => {
      await refuse();
      cut();
      resume();
    },
  };
}

/** Port 0 picks a free one. */
async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port');
  return address.port;
}

function createGate() {
  let closed: PromiseWithResolvers<void> | undefined;
  return {
    opened: async () => {
      while (closed !== undefined) await closed.promise;
    },
    close: () => {
      closed ??= Promise.withResolvers<void>();
    },
    open: () => {
      closed?.resolve();
      closed = undefined;
    },
  };
}
