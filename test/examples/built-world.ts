import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ensureBuilt } from '../support/built.ts';
import { freePort } from '../support/port.ts';
import { startPostgres } from '../support/postgres.ts';
import { startProcess, type TestProcess } from '../support/process.ts';
import { startRedis } from '../support/redis.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const scripts = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))).scripts;

/** The compiled product as users run it: Redis, a bare Postgres brought up by the migrate command, a worker and an API from `dist/`. */
export interface BuiltWorld {
  apiUrl: string;
  apiKey: string;
  redisUrl: string;
  databaseUrl: string;
  /** The worker's log, among other things. */
  worker: TestProcess;
  /** Stored and queued through the API; resolves to its id. */
  createStory(title: string): Promise<string>;
  /** Any other call of the API, with the key of a service; resolves to the answer's `data`. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of any shape.
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<any>;
  /** A new user with so many credits. */
  createUser(credits?: number): Promise<string>;
  /** One of the example apps, with nothing but `env` around it. */
  runApp(
    app: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<{ code: number | null; output: string; errors: string }>;
  stop(): Promise<void>;
}

export async function startBuiltWorld(): Promise<BuiltWorld> {
  await ensureBuilt();
  const [redis, postgres, folder] = await Promise.all([startRedis(), startPostgres(), mkdtemp(join(tmpdir(), 'hivepulse-built-'))]);
  const databaseUrl = await postgres.createDatabase();
  const apiKey = 'key-of-the-example-app';
  const env = { REDIS_URL: redis.url, DATABASE_URL: databaseUrl, API_KEYS: apiKey, HOST: '127.0.0.1', PORT: `${await freePort()}` };
  // Away from the repository: neither its .env files nor its sources are at hand by accident.
  const start = (args: readonly string[]) => startProcess(args, { env, cwd: folder });

  const migrated = await start([join(root, 'dist/cli/migrate.js')]).exit;
  if (migrated.code !== 0) throw new Error('The compiled migrate command failed');
  const worker = start(argumentsOf('worker:prod'));
  const api = start([join(root, 'dist/api/main.js')]);
  await worker.entry(({ message }) => message === 'worker started, waiting for jobs');
  const { url } = await api.entry(({ message }) => message === 'api listening');
  const apiUrl = z.string().parse(url);

  const call: BuiltWorld['call'] = async (method, path, body, more = {}) => {
    const headers = { authorization: `Bearer ${apiKey}`, ...(body ? { 'content-type': 'application/json' } : {}), ...more };
    const sent = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}), signal: AbortSignal.timeout(20_000) };
    const response = await fetch(apiUrl + path, sent);
    return z.object({ data: z.unknown() }).parse(await response.json()).data;
  };

  return {
    apiUrl,
    apiKey,
    redisUrl: redis.url,
    databaseUrl,
    call,
    createUser: async (credits = 0) => {
      const userId = randomUUID();
      if (credits > 0) await call('POST', '/api/credits/grant', { userId, amount: credits });
      return userId;
    },
    worker,
    createStory: async (title) => {
      const content = 'The company says that its battery charges in ten seconds. Nobody else has measured it.';
      return (await call('POST', '/api/stories', { title, content })).story.id;
    },
    runApp: async (app, args, given) => {
      const started = startProcess([join(root, 'examples/app', app), ...args], { env: given, cwd: folder });
      const { code } = await started.exit;
      return { code, output: started.lines.join('\n'), errors: started.errorLines.join('\n') };
    },
    stop: async () => {
      await Promise.all([worker.stop(), api.stop()]);
      await Promise.all([redis.stop(), postgres.stop(), rm(folder, { recursive: true, force: true })]);
    },
  };
}

/** Of a script in package.json that runs node, with its paths made absolute. */
function argumentsOf(script: string): string[] {
  const [program, ...args] = (scripts[script] ?? '').split(' ');
  if (program !== 'node') throw new Error(`The script ${script} does not run node`);
  return args.map((argument) => (/^(\.\/)?dist\//.test(argument) ? join(root, argument) : argument));
}
