import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './port.ts';
import { type RedisServer, startRedis } from './redis.ts';

export interface ClusterNode {
  readonly server: RedisServer;
  /** Straight to this node, without redirections. */
  readonly client: Redis;
}

/** A real Redis Cluster of one's own on loopback, ready for commands. */
export interface RedisCluster {
  readonly primaries: readonly ClusterNode[];
  /** The first one follows the first primary, and so on; empty without `replicas`. */
  readonly replicas: readonly ClusterNode[];
  /** `127.0.0.1:<port>` of all nodes, for `REDIS_CLUSTER_NODES`. */
  readonly addresses: string;
  readonly nodes: readonly { host: string; port: number }[];
  /** The index of the primary that held the key's slot when the cluster was made. */
  primaryOf(key: string): Promise<number>;
  stop(): Promise<void>;
}

export interface RedisClusterOptions {
  /** One for each primary. Default: none. */
  replicas?: boolean;
  /** After how long a silent node counts as failing, in milliseconds. Default 2,000. */
  nodeTimeoutMs?: number;
  appendOnly?: boolean;
  /** Further arguments for every node. */
  args?: readonly string[];
}

const SLOTS = 16_384;
const PRIMARIES = 3;
const from = (index: number): number => Math.floor((SLOTS * index) / PRIMARIES);

export async function startRedisCluster({ replicas = false, ...options }: RedisClusterOptions = {}): Promise<RedisCluster> {
  const started = await Promise.all(Array.from({ length: replicas ? 2 * PRIMARIES : PRIMARIES }, () => startNode(options)));
  const [primaries, followers] = [started.slice(0, PRIMARIES), started.slice(PRIMARIES)];
  const stop = async () => {
    for (const { client } of started) client.disconnect();
    await Promise.all(started.map(({ server }) => server.stop()));
  };
  try {
    await join(primaries, followers);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    primaries,
    replicas: followers,
    addresses: started.map(({ server }) => `127.0.0.1:${server.port}`).join(','),
    nodes: started.map(({ server }) => ({ host: '127.0.0.1', port: server.port })),
    primaryOf: async (key) => {
      const slot = Number(await started[0]?.client.call('CLUSTER', 'KEYSLOT', key));
      return primaries.findIndex((_, index) => slot < from(index + 1));
    },
    stop,
  };
}

interface StartedNode extends ClusterNode {
  busPort: number;
}

async function startNode({ nodeTimeoutMs = 2_000, appendOnly = false, args = [] }: RedisClusterOptions): Promise<StartedNode> {
  const busPort = await freePort();
  const clustered = ['--cluster-enabled', 'yes', '--cluster-port', `${busPort}`, '--cluster-node-timeout', `${nodeTimeoutMs}`];
  const server = await startRedis({ appendOnly, args: [...clustered, ...args] });
  const client = new Redis(server.port, { enableReadyCheck: false, maxRetriesPerRequest: null });
  // Nodes are killed in tests; whoever asks one that is away waits for it.
  client.on('error', () => undefined);
  return { server, client, busPort };
}

async function join(primaries: readonly StartedNode[], replicas: readonly StartedNode[]): Promise<void> {
  const all = [...primaries, ...replicas];
  for (const [index, { client }] of primaries.entries()) await client.call('CLUSTER', 'ADDSLOTSRANGE', from(index), from(index + 1) - 1);
  for (const { client } of all) for (const { server, busPort } of all) await client.call('CLUSTER', 'MEET', '127.0.0.1', server.port, busPort);
  const known = new RegExp(`cluster_known_nodes:${all.length}\\b`);
  for (const { client } of all) await says(() => client.call('CLUSTER', 'INFO'), known);
  for (const [index, { client }] of replicas.entries()) {
    const id = await primaries[index]?.client.call('CLUSTER', 'MYID');
    await client.call('CLUSTER', 'REPLICATE', String(id));
  }
  for (const { client } of all) await says(() => client.call('CLUSTER', 'INFO'), /cluster_state:ok/);
  for (const { client } of replicas) await says(() => client.info('replication'), /master_link_status:up/);
}

const COMES_UP_WITHIN_MS = 30_000;
const POLL_MS = 20;

async function says(ask: () => Promise<unknown>, pattern: RegExp): Promise<void> {
  const deadline = performance.now() + COMES_UP_WITHIN_MS;
  for (;;) {
    const answer = String(await ask());
    if (pattern.test(answer)) return;
    if (performance.now() > deadline) throw new Error(`The cluster does not come up: ${pattern} is not in\n${answer}`);
    await pause(POLL_MS);
  }
}
