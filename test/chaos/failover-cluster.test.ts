import { afterEach, beforeEach, describe, it, vi } from 'vitest';
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { expectStillThere, type Failover, startFailover, stopFailover, survives, sweptBy } from './failover-support.ts';
import { pass, told } from './relay-support.ts';

/** The prefix of keys is the default one of `QUEUE_PREFIX`. */
const TAG = { rows: '{hivepulse:review-ai}', stories: '{hivepulse:story-enhancement}' };
/** Far longer than the nodes need to call a silent one failed. */
const FROZEN_MS = 8_000;

let cluster: RedisCluster;
let failover: Failover | undefined;

beforeEach(async () => {
  cluster = await startRedisCluster({ replicas: true, args: ['--cluster-require-full-coverage', 'no'] });
  failover = await startFailover({ REDIS_CLUSTER_NODES: cluster.addresses });
});
afterEach(async () => {
  await stopFailover(failover);
  await cluster.stop();
});

async function pairOf(tag: string): Promise<{ primary: ClusterNode; replica: ClusterNode }> {
  const index = await cluster.primaryOf(tag);
  const [primary, replica] = [cluster.primaries[index], cluster.replicas[index]];
  if (!primary || !replica) throw new Error(`No primary and replica ${index}`);
  return { primary, replica };
}

const promoted = ({ client }: ClusterNode) =>
  vi.waitFor(
    async () => {
      if (!(await client.info('replication')).includes('role:master')) throw new Error('The replica was not promoted');
    },
    { timeout: 30_000, interval: 20 },
  );

describe('a Redis Cluster of three primaries and three replicas, under load', () => {
  it('that loses a primary to kill -9, then another: all rows end once, no worker is restarted', async () => {
    const here = failover as Failover;
    for (const [what, tag] of Object.entries(TAG)) {
      const { primary, replica } = await pairOf(tag);
      await survives(here, `cluster, primary of ${what} killed`, async () => {
        await primary.server.kill();
        await promoted(replica);
      });
      // Without it the next failover would find no majority of primaries that are known to be well.
      await primary.server.restart();
    }
    told(`cluster, killed: ${sweptBy(here)} jobs had vanished and were asked for again`);
    await expectStillThere(here);
  });

  it('whose primary freezes and wakes when it has been replaced: all rows end once, no worker is restarted', async () => {
    const here = failover as Failover;
    const { primary, replica } = await pairOf(TAG.rows);
    await survives(here, 'cluster, primary of rows frozen', async () => {
      process.kill(primary.server.pid, 'SIGSTOP');
      await promoted(replica);
      await pass(FROZEN_MS);
      process.kill(primary.server.pid, 'SIGCONT');
    });
    told(`cluster, frozen: ${sweptBy(here)} jobs had vanished and were asked for again`);
    await expectStillThere(here);
  });
});
