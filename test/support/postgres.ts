import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import postgres from 'postgres';
import { openLite } from '../../lib/db/lite.ts';
import { migrate } from '../../lib/db/migrate.ts';
import { type Cluster, createCluster, createMigratedCluster } from './cluster.ts';
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
  /** Whether the database `postgres` has Hivepulse's tables; those of `createDatabase` are empty all the same. Default false. */
  migrated?: boolean;
}

/** A real PostgreSQL of one's own on a free port, ready for queries; anybody on this machine may connect as superuser `postgres`. */
export async function startPostgres({ settings = {}, migrated = false }: PostgresOptions = {}): Promise<PostgresServer> {
  const cluster = await (migrated ? createMigratedCluster(migrateCluster) : createCluster());
  const [port, first] = await retrying(async () => {
    const candidate = await freePort();
    return [candidate, await launch(cluster, candidate, settings)] as const;
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
      server = await retrying(() => launch(cluster, port, settings), 20);
    },
    stop: async () => {
      // Immediate shutdown: ends the sessions too. The data is thrown away anyhow.
      await server.end('SIGQUIT');
      await rm(cluster.dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** As every process finds it: migrated, with the tables of @supabase/lite. */
async function migrateCluster(cluster: Cluster): Promise<void> {
  const port = await freePort();
  const server = await launch(cluster, port, {});
  const databaseUrl = `postgresql://postgres@127.0.0.1:${port}/postgres`;
  try {
    await migrate({ databaseUrl });
    await (await openLite({ databaseUrl })).db.close();
  } finally {
    // Fast shutdown: all that was written is in its place when somebody copies it.
    await server.end('SIGINT');
  }
}

function launch({ programs, dir, owner }: Cluster, port: number, settings: Readonly<Record<string, string>>): Promise<ServerProcess> {
  // Nothing waits for the disk; what was committed still survives kill -9, since the system keeps what was written.
  const chosen = { fsync: 'off', full_page_writes: 'off', shared_buffers: '32MB', max_wal_size: '256MB', ...settings };
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
