import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { run } from '../../cli/run.ts';
import { systemClock } from '../../lib/clock.ts';
import { inherited } from '../support/process.ts';

const LAUNCHER = fileURLToPath(new URL('../../cli/hivepulse.js', import.meta.url));

export interface CliRun {
  code: number | null;
  /** Standard output. */
  out: string;
  /** Standard error. */
  err: string;
}

export interface CliOptions {
  /** All it gets besides PATH, HOME, TMPDIR and the compile cache. */
  env?: Readonly<Record<string, string>>;
  /** Its folder: neither the repository nor one with a `.env`. */
  cwd: string;
  /** Goes to its standard input. */
  input?: string;
  /** Instead of the launcher of the sources. */
  launcher?: string;
}

/** `hivepulse …` as a process of its own, its output into pipes. */
export async function runCli(args: readonly string[], { env = {}, cwd, input, launcher = LAUNCHER }: CliOptions): Promise<CliRun> {
  const child = spawn(process.execPath, [launcher, ...args], {
    cwd,
    env: { ...inherited(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  child.stdin.end(input ?? '');
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [code, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, out: out.trimEnd(), err: err.trimEnd() };
}

/** The same in this process and its folder, for many lines: a process of its own takes half a second and more. */
export async function typeCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliRun> {
  const [out, err]: [string[], string[]] = [[], []];
  const terminal = { env, clock: systemClock, input: Readable.from([]), columns: undefined };
  const code = await run(args, { ...terminal, out: (line) => void out.push(line), err: (line) => void err.push(line) });
  return { code, out: out.join('\n'), err: err.join('\n') };
}
