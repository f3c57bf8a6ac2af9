import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { findPostgres } from './install.ts';
import { freePort } from './port.ts';
import { retrying, type ServerProcess, startServer } from './server.ts';

export interface PostgresServer {
  /** The superuser's, database `postgres`. */
  readonly url: string;
  readonly port: number;
  /** Of the running server; changes with `restart()`. */
  readonly pid: number;
  /** A new empty database; its superuser URL. */
  createDatabase(name?: string): Promise<string>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Same port, same data; resolves when it answers. Kills the running one first. */
  restart(): Promise<void>;
  /** Ends it and removes the data. Safe to call twice. */
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** Server settings, for example `{ max_connections: '20' }`. */
  settings?: Readonly<Record<string, string>>;
}

interface Cluster {
  programs: string;
  dir: string;
  owner: { uid?: number; gid?: number };
  settings: Readonly<Record<string, string>>;
}

/** A real PostgreSQL of one's own on a free port, ready for queries; anybody on this machine may connect as superuser `postgres`. */
export async function startPostgres({ settings = {} }: PostgresOptions = {}): Promise<PostgresServer> {
  const cluster = await createCluster(settings);
  const [port, first] = await retrying(async () => {
    const candidate = await freePort();
    return [candidate, await launch(cluster, candidate)] as const;
  });
  let server: ServerProcess = first;
  const urlOf = (database: string) => `postgresql://postgres@127.0.0.1:${port}/${database}`;
  const kill = () => server.end('SIGKILL');
  return {
    url: urlOf('postgres'),
    port,
    get pid() {
      return server.pid;
    },
    createDatabase: async (name = `test_${randomUUID().replaceAll('-', '')}`) => {
      await query(urlOf('postgres'), `create database "${name}"`);
      return urlOf(name);
    },
    kill,
    restart: async () => {
      await kill();
      // The dead server's sessions take a moment to notice; until then a new one refuses to share its data with them.
      server = await retrying(() => launch(cluster, port), 20);
    },
    stop: async () => {
      // Immediate shutdown: ends the sessions too. The data is thrown away anyhow.
      await server.end('SIGQUIT');
      await rm(cluster.dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function createCluster(settings: Readonly<Record<string, string>>): Promise<Cluster> {
  const programs = findPostgres();
  const dir = await mkdtemp(join(tmpdir(), 'hivepulse-postgres-'));
  const owner = await ownerForServer();
  if (owner.uid !== undefined && owner.gid !== undefined) await chown(dir, owner.uid, owner.gid);
  const args = ['-D', join(dir, 'data'), '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
  await promisify(execFile)(join(programs, 'initdb'), args, { cwd: dir, ...owner, timeout: 60_000 });
  return { programs, dir, owner, settings };
}

/** PostgreSQL refuses to run as root: then it runs as `postgres`, or as `nobody` where that user is missing. */
async function ownerForServer(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const account = accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody');
  if (account === undefined) throw new Error('PostgreSQL does not run as root, and there is neither a user postgres nor nobody');
  return { uid: Number(account[2]), gid: Number(account[3]) };
}

function launch({ programs, dir, owner, settings }: Cluster, port: number): Promise<ServerProcess> {
  // Nothing waits for the disk; what was committed still survives kill -9, since the system keeps what was written.
  const chosen = { fsync: 'off', full_page_writes: 'off', shared_buffers: '32MB', ...settings };
  const args = ['-D', join(dir, 'data'), '-p', `${port}`, '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${dir}`];
  for (const [name, value] of Object.entries(chosen)) args.push('-c', `${name}=${value}`);
  return startServer(join(programs, 'postgres'), args, { cwd: dir, ...owner }, () => answersQueries(port));
}

async function answersQueries(port: number): Promise<boolean> {
  try {
    await query(`postgresql://postgres@127.0.0.1:${port}/postgres`, 'select 1');
    return true;
  } catch {
    return false;
  }
}

async function query(url: string, text: string): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} });
  try {
    await sql.unsafe(text);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
