import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { findRedis } from './install.ts';
import { freePort } from './port.ts';
import { startServer } from './server.ts';

/** A real Sentinel that watches a primary under the name `main`; alone it is its own majority. */
export interface Sentinel {
  readonly port: number;
  /** How many replicas of the primary it has found. */
  knownReplicas(): Promise<number>;
  /** Where clients are sent. */
  primaryPort(): Promise<number>;
  stop(): Promise<void>;
}

/** A primary counts as down after half a second. */
export async function startSentinel(primaryPort: number): Promise<Sentinel> {
  const dir = await mkdtemp(join(tmpdir(), 'hivepulse-sentinel-'));
  const port = await freePort();
  const file = join(dir, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${dir}`,
    `sentinel monitor main 127.0.0.1 ${primaryPort} 1`,
    'sentinel down-after-milliseconds main 500',
    'sentinel failover-timeout main 3000',
  ];
  await writeFile(file, lines.join('\n'));
  const client = new Redis(port, { lazyConnect: true, retryStrategy: () => 50, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  const answers = async () => {
    const state = client.status === 'wait' ? await client.connect().catch(() => undefined) : undefined;
    return state === undefined && client.status === 'ready';
  };
  const server = await startServer(findRedis(), [file, '--sentinel'], {}, answers);
  const ask = async (...args: string[]): Promise<unknown[]> => {
    const answer = await client.call('SENTINEL', ...args);
    return Array.isArray(answer) ? answer : [];
  };
  return {
    port,
    knownReplicas: async () => (await ask('REPLICAS', 'main')).length,
    primaryPort: async () => Number((await ask('GET-MASTER-ADDR-BY-NAME', 'main'))[1]),
    stop: async () => {
      client.disconnect();
      await server.end('SIGKILL');
      await rm(dir, { recursive: true, force: true });
    },
  };
}
