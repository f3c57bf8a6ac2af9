import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** One of our own mains as a process of its own. */
export interface TestProcess {
  readonly pid: number;
  /** Everything on standard output so far. */
  readonly lines: readonly string[];
  /** Everything on standard error so far. */
  readonly errorLines: readonly string[];
  /** The first line on either output that matches, past or to come. Rejects when the process ends without it, or after `timeoutMs` (20,000). */
  line(matches: (line: string) => boolean, timeoutMs?: number): Promise<string>;
  /** As `line`, for log lines: JSON objects. */
  entry(matches: (entry: Record<string, unknown>) => boolean, timeoutMs?: number): Promise<Record<string, unknown>>;
  /** Also SIGSTOP and SIGCONT. False when it has ended already. */
  kill(signal: NodeJS.Signals): boolean;
  readonly exit: Promise<Exit>;
  /** SIGKILL, if it still runs; resolves when it has ended. */
  stop(): Promise<Exit>;
}

export interface ProcessOptions {
  /** All it gets besides PATH, HOME, TMPDIR and what `test/global-setup.ts` sets: the developer's own settings never leak into a test. */
  env?: Readonly<Record<string, string>>;
  cwd?: string;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/** `startProcess('workers/main.ts')` or `startProcess(['--import', './x.ts', 'demo/main.ts', '--json'])`, below the repository's root. */
export function startProcess(command: string | readonly string[], { env = {}, cwd = root }: ProcessOptions = {}): TestProcess {
  const args = typeof command === 'string' ? [command] : [...command];
  const child = spawn(process.execPath, args, { cwd, env: { ...inherited(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = collectLines(child.stdout);
  const errorLines = collectLines(child.stderr);
  const exit = exitOf(child);
  const words = () => [...lines.all, ...errorLines.all];

  const find = <T>(pick: (line: string) => T | undefined, timeoutMs = 20_000): Promise<T> => {
    const past = words()
      .map(pick)
      .find((picked) => picked !== undefined);
    if (past !== undefined) return Promise.resolve(past);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const fail = (why: string) => reject(new Error(`${args.join(' ')} ${why}:\n${words().slice(-40).join('\n')}`));
    const watcher = (line: string) => {
      const picked = pick(line);
      if (picked !== undefined) resolve(picked);
    };
    const timer = setTimeout(() => fail(`did not print the expected line within ${timeoutMs} ms`), timeoutMs);
    for (const output of [lines, errorLines]) output.watchers.add(watcher);
    exit.then(({ code, signal }) => fail(`ended (${signal ?? code}) without printing the expected line`), reject);
    return promise.finally(() => {
      clearTimeout(timer);
      for (const output of [lines, errorLines]) output.watchers.delete(watcher);
    });
  };

  return {
    pid: child.pid ?? -1,
    lines: lines.all,
    errorLines: errorLines.all,
    line: (matches, timeoutMs) => find((line) => (matches(line) ? line : undefined), timeoutMs),
    entry: (matches, timeoutMs) => find((line) => [parseObject(line)].find((entry) => entry !== undefined && matches(entry)), timeoutMs),
    kill: (signal) => child.kill(signal),
    exit,
    stop: () => {
      child.kill('SIGKILL');
      return exit;
    },
  };
}

function collectLines(stream: Readable) {
  const all: string[] = [];
  const watchers = new Set<(line: string) => void>();
  createInterface({ input: stream }).on('line', (line) => {
    all.push(line);
    for (const watcher of watchers) watcher(line);
  });
  return { all, watchers };
}

/** Resolves after the last line has been read. The process never outlives this one. */
function exitOf(child: ChildProcess): Promise<Exit> {
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const exit = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      process.off('exit', killWithUs);
      resolve({ code, signal });
    });
  });
  // Whoever awaits it sees the failure; a test that never does is not ended by an unhandled rejection.
  exit.catch(() => {});
  return exit;
}

/** Of this process's environment, for our mains. What `NODE_COMPILE_CACHE` and `LITE_AUTH_BCRYPT_COST` spare them, `test/global-setup.ts` says. */
export function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'NODE_COMPILE_CACHE', 'LITE_AUTH_BCRYPT_COST'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}

function parseObject(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
