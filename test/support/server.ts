import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';

/** A server of somebody else's (Redis, Postgres) run for one test file. */
export interface ServerProcess {
  readonly pid: number;
  readonly exited: boolean;
  /** Its last words, for error messages. */
  output(): string;
  /** Sends the signal and waits for the end. Does nothing when it has ended already. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/** Longest wait for a server to answer; recovery after a crash included. */
const READY_TIMEOUT_MS = 30_000;
const POLL_MS = 10;

/** Starts it and waits until `answers` says so. Rejects with the server's own words when it ends or stays silent instead. */
export async function startServer(
  program: string,
  args: readonly string[],
  options: SpawnOptions,
  answers: () => Promise<boolean>,
): Promise<ServerProcess> {
  const server = watch(spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] }));
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!server.exited && performance.now() < deadline) {
    if (await answers()) return server;
    await pause(POLL_MS);
  }
  await server.end('SIGKILL');
  throw new Error(`${program} did not become ready:\n${server.output()}`);
}

function watch(child: ChildProcess): ServerProcess {
  let output = '';
  let exited = false;
  const collect = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-8_000);
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const exit = new Promise<void>((resolve) => {
    const done = () => {
      exited = true;
      process.off('exit', killWithUs);
      resolve();
    };
    child.once('exit', done);
    child.once('error', (error) => {
      output += error.message;
      done();
    });
  });
  return {
    pid: child.pid ?? -1,
    get exited() {
      return exited;
    },
    output: () => output,
    end: async (signal) => {
      if (!exited) child.kill(signal);
      await exit;
    },
  };
}

/** Tries `start` on new ports until one was not taken by somebody else in between. */
export async function retrying<T>(start: () => Promise<T>, attempts = 5): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      if (attempt === attempts) throw error;
    }
  }
}
