import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureServers } from './support/install.ts';

/** Once per run, before any test file: the right Node, a Redis and a PostgreSQL. Resolves to what is called after the last. */
export default async function setup(): Promise<() => Promise<void>> {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 24)
    throw new Error(`The tests need Node 24, this is ${process.version}: run them with npm test, which uses the one npm ci has installed.`);
  await ensureServers((line) => console.log(line));
  const folder = await mkdtemp(join(tmpdir(), 'hivepulse-test-run-'));
  process.env.TEST_RUN_FOLDER = folder;
  // Hundreds of our own processes are started: each finds here what the ones before have compiled.
  process.env.NODE_COMPILE_CACHE = join(folder, 'compiled');
  // Passwords of test users, hashed by @supabase/lite: the least that bcrypt does takes it a millisecond, its default seventy.
  process.env.LITE_AUTH_BCRYPT_COST = '4';
  return () => rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
