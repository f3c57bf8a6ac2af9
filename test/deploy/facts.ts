import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ApiDeps } from '../../api/deps.ts';
import { buildServer } from '../../api/server.ts';
import { declaredIn, namesOf } from '../../lib/config/environment.ts';
import { environment } from '../../lib/config/variables/index.ts';
import { silentLogger } from '../../lib/log.ts';

// What the files under deploy/ are held against, taken from the code and the image.

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Text of a file of the repository. */
export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const declared = declaredIn(environment);
const known = new Set(declared.flatMap(namesOf));

/** Those of `names` that no process of ours reads. */
export function unknownVariables(names: Iterable<string>): string[] {
  return [...names].filter((name) => !known.has(name));
}

/** Default of a variable, as it would stand in `.env`. */
export function defaultOf(variable: string): string {
  const text = declared.find(({ name }) => name === variable)?.about.default;
  if (text === undefined) throw new Error(`${variable} has no default`);
  return text;
}

export const SHUTDOWN_SECONDS = Number(defaultOf('SHUTDOWN_TIMEOUT_MS')) / 1_000;

/** `NAME=value` lines without comments. */
export function readVariables(path: string): Record<string, string> {
  const lines = read(path)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/** `ENV` of the image. */
export function imageVariable(name: string): string | undefined {
  return new RegExp(`^ENV .*\\b${name}=(\\S+)`, 'm').exec(read('Dockerfile'))?.[1];
}

/** Whether `npm run build` makes this file of `dist/`. */
export function isBuilt(path: string): boolean {
  const [, source] = /^dist\/(.+)\.js$/.exec(path) ?? [];
  const { include }: { include: string[] } = JSON.parse(read('tsconfig.build.json'));
  return source !== undefined && include.includes(source.split('/')[0] ?? '') && existsSync(join(root, `${source}.ts`));
}

/** What the image runs for a role, such as `dist/workers/main.js`; undefined: it knows no such role. */
export function programOf(role: string): string | undefined {
  return new RegExp(`^\\s*${role}\\) exec node (\\S+) ;;$`, 'm').exec(read('deploy/image/entrypoint.sh'))?.[1];
}

/** Whether the API answers GET there. It is put together and never asked: what its handlers would need is not there. */
export async function apiRoutes(): Promise<(path: string) => boolean> {
  const options = { apiKeys: ['unused'], publicUrl: 'http://localhost:3000', corsOrigins: [], loopback: true, mode: 'services' };
  const app = await buildServer({ options, log: silentLogger, db: {}, oauth: {} } as unknown as ApiDeps);
  await app.ready();
  return (path) => app.hasRoute({ method: 'GET', url: path });
}

/** Whether workers and schedulers answer GET there. */
export function workerAnswers(path: string): boolean {
  return read('start/worker-http.ts').includes(`'${path}'`);
}

/** Path of a program on the PATH. None is installed for these tests: what needs one is skipped without it. */
export function findProgram(name: string): string | undefined {
  const paths = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name));
  return paths.find((path) => existsSync(path));
}
