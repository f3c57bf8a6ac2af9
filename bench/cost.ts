import { readdir, readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import type { Sql } from 'postgres';

/** Clock ticks of `/proc`, in milliseconds: 100 a second on every Linux that Node runs on. */
const TICK_MS = 10;

/** CPU time that a process has taken so far, its own and that of the children it has waited for, in milliseconds. Linux only; 0 once it has ended. */
export async function cpuMsOf(pid: number): Promise<number> {
  const fields = await statOf(pid);
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * TICK_MS;
}

/** The same of a server and the processes that it has made, such as PostgreSQL's sessions. */
export async function cpuMsOfTree(pid: number): Promise<number> {
  const pids = (await readdir('/proc')).map(Number).filter((one) => one > 0);
  const parents = await Promise.all(pids.map(async (one) => [one, Number((await statOf(one))[1])] as const));
  const children = parents.filter(([, parent]) => parent === pid).map(([one]) => one);
  const used = await Promise.all([pid, ...children].map(cpuMsOf));
  return used.reduce((sum, one) => sum + one, 0);
}

export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** What follows the name in `/proc/<pid>/stat`: state, parent, … */
async function statOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** Running totals, of which only differences mean something. */
export type Totals = Readonly<Record<string, number>>;

export interface RedisMeter {
  totals(): Promise<Totals>;
  usedMemory(): Promise<number>;
  close(): void;
}

export function meterRedis(url: string): RedisMeter {
  const client = new Redis(url);
  const fields = async (): Promise<Record<string, string>> => {
    const lines = (await client.info()).split(/\r?\n/).flatMap((line): [string, string][] => {
      const colon = line.indexOf(':');
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)]] : [];
    });
    return Object.fromEntries(lines);
  };
  return {
    async totals() {
      const of = await fields();
      return {
        redisCommands: Number(of.total_commands_processed),
        redisBytes: Number(of.total_net_input_bytes) + Number(of.total_net_output_bytes),
        redisCpuMs: 1_000 * (Number(of.used_cpu_user) + Number(of.used_cpu_sys)),
      };
    },
    usedMemory: async () => Number((await fields()).used_memory),
    close: () => client.disconnect(),
  };
}

/** Of the database that `sql` is connected to; sessions report what they did when they fall idle, a second later at most. */
export async function postgresTotals(sql: Sql, pid: number): Promise<Totals> {
  const [row] = await sql<{ statements: number; writes: number; wal: number }[]>`
    select (xact_commit + xact_rollback)::float8 as statements, (tup_inserted + tup_updated + tup_deleted)::float8 as writes,
      pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as wal
    from pg_stat_database where datname = current_database()`;
  return {
    postgresStatements: row?.statements ?? 0,
    postgresRowWrites: row?.writes ?? 0,
    postgresWalBytes: row?.wal ?? 0,
    postgresCpuMs: await cpuMsOfTree(pid),
  };
}

/** What `work` added to the totals, for each of `jobs`. */
export async function perJob(jobs: number, totals: () => Promise<Totals>, work: () => Promise<unknown>): Promise<Totals> {
  const before = await totals();
  await work();
  const after = await totals();
  return Object.fromEntries(Object.entries(after).map(([name, value]) => [name, (value - (before[name] ?? 0)) / jobs]));
}
