import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedis } from './install.ts';
import { freePort } from './port.ts';
import { retrying, type ServerProcess, startServer } from './server.ts';

export interface RedisServer {
  /** `redis://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  /** Its data folder. */
  readonly dir: string;
  /** Of the running server; changes with `restart()`. For signals such as SIGSTOP. */
  readonly pid: number;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Same port, same folder; resolves when it answers. Kills the running one first. */
  restart(): Promise<void>;
  /** Ends it and removes the folder. Safe to call twice. */
  stop(): Promise<void>;
}

export interface RedisOptions {
  /** Keep the data over `kill()` and `restart()`, as production does. Default: nothing is written. */
  appendOnly?: boolean;
  /** Further arguments, for example `['--requirepass', 'secret']`. */
  args?: readonly string[];
}

/** A real Redis of one's own on a free port, ready for commands. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const dir = await mkdtemp(join(tmpdir(), 'hivepulse-redis-'));
  const [port, first] = await retrying(async () => {
    const candidate = await freePort();
    return [candidate, await launch(candidate, dir, options)] as const;
  });
  let server: ServerProcess = first;
  const kill = () => server.end('SIGKILL');
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    dir,
    get pid() {
      return server.pid;
    },
    kill,
    restart: async () => {
      await kill();
      server = await launch(port, dir, options);
    },
    stop: async () => {
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function launch(port: number, dir: string, { appendOnly = false, args = [] }: RedisOptions): Promise<ServerProcess> {
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--maxmemory-policy', 'noeviction'];
  return startServer(findRedis(), [...settings, '--appendonly', appendOnly ? 'yes' : 'no', ...args], {}, () => answersPing(port));
}

/** True once commands are answered: not while it is loading its data. A server that asks for a password is ready too. */
function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const answer = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(2_000, () => answer(false));
    socket.once('data', (reply) => answer(/^(\+PONG|-NOAUTH)/.test(reply.toString())));
    socket.once('error', () => answer(false));
    socket.once('close', () => answer(false));
  });
}
