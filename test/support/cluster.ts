import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { migrationFiles } from '../../lib/db/migration-files.ts';
import { findPostgres } from './install.ts';

/** A PostgreSQL's folder, before and while a server runs on it. */
export interface Cluster {
  programs: string;
  /** Holds `data`, and the server's socket. */
  dir: string;
  owner: { uid?: number; gid?: number };
}

/** Resolves to an empty cluster in a folder of its own. */
export async function createCluster(): Promise<Cluster> {
  const cluster = await newFolder();
  await fill(cluster, 'bare', initdb);
  return cluster;
}

/** The same, with what `build` makes in it; `build` leaves no server running on it. */
export async function createMigratedCluster(build: (cluster: Cluster) => Promise<void>): Promise<Cluster> {
  const cluster = await newFolder();
  const version = createHash('sha256').update(JSON.stringify(await migrationFiles()));
  await fill(cluster, `migrated-${version.digest('hex').slice(0, 16)}`, async (original) => {
    await fill(original, 'bare', initdb);
    await build(original);
  });
  return cluster;
}

/** With a copy of what `build` made when `name` was first asked for: `initdb` and the migrations take longer than all else about a server. */
async function fill(cluster: Cluster, name: string, build: (cluster: Cluster) => Promise<void>): Promise<void> {
  const folder = process.env.TEST_RUN_FOLDER;
  // Outside of a run of the tests, as in a benchmark, nobody would remove the original.
  if (folder === undefined) return build(cluster);
  const original = join(folder, name);
  if (!existsSync(original)) await keep(original, build);
  // With owners and rights.
  await promisify(execFile)('cp', ['-a', original, join(cluster.dir, 'data')]);
}

/** Of files that do so at the same time, the first one's stays. */
async function keep(original: string, build: (cluster: Cluster) => Promise<void>): Promise<void> {
  const cluster = await newFolder();
  await build(cluster);
  await rename(join(cluster.dir, 'data'), original).catch((error: unknown) => {
    if (!existsSync(original)) throw error;
  });
  await rm(cluster.dir, { recursive: true, force: true });
}

async function newFolder(): Promise<Cluster> {
  const programs = findPostgres();
  const dir = await mkdtemp(join(tmpdir(), 'hivepulse-postgres-'));
  const owner = await ownerForServer();
  if (owner.uid !== undefined && owner.gid !== undefined) await chown(dir, owner.uid, owner.gid);
  return { programs, dir, owner };
}

async function initdb({ programs, dir, owner }: Cluster): Promise<void> {
  const args = ['-D', join(dir, 'data'), '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync', '--wal-segsize=1'];
  await promisify(execFile)(join(programs, 'initdb'), args, { cwd: dir, ...owner, timeout: 60_000 });
}

/** PostgreSQL refuses to run as root: then it runs as `postgres`, or as `nobody` where that user is missing. */
async function ownerForServer(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const account = accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody');
  if (account === undefined) throw new Error('PostgreSQL does not run as root, and there is neither a user postgres nor nobody');
  return { uid: Number(account[2]), gid: Number(account[3]) };
}
