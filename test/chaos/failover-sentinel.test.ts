import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type Sentinel, startSentinel } from '../support/redis-sentinel.ts';
import { eventually } from '../support/world.ts';
import { expectStillThere, type Failover, startFailover, stopFailover, survives, sweptBy } from './failover-support.ts';
import { pass, told } from './relay-support.ts';

/** Far longer than Sentinel needs to call a silent primary down. */
const FROZEN_MS = 8_000;

let primary: RedisServer;
let replica: RedisServer;
let sentinel: Sentinel;
let failover: Failover | undefined;

beforeEach(async () => {
  primary = await startRedis();
  replica = await startRedis({ args: ['--replicaof', '127.0.0.1', `${primary.port}`] });
  sentinel = await startSentinel(primary.port);
  await eventually(async () => (await sentinel.knownReplicas()) === 1);
  failover = await startFailover({ REDIS_SENTINELS: `127.0.0.1:${sentinel.port}`, REDIS_SENTINEL_NAME: 'main' });
});
afterEach(async () => {
  await stopFailover(failover);
  await sentinel.stop();
  await Promise.all([primary.stop(), replica.stop()]);
});

const promoted = () => eventually(async () => (await sentinel.primaryPort()) === replica.port, 30_000);

/** What is in the sockets would still reach a frozen replica. */
async function unlink(): Promise<void> {
  const client = new Redis(primary.port);
  await client.call('CLIENT', 'KILL', 'TYPE', 'replica');
  client.disconnect();
}

describe('a Redis that Sentinel watches, under load', () => {
  it('whose primary is killed with -9: all rows end once, no worker is restarted', async () => {
    const here = failover as Failover;
    await survives(here, 'Sentinel, primary killed', async () => {
      await primary.kill();
      await promoted();
    });
    told(`Sentinel, killed: ${sweptBy(here)} jobs had vanished and were asked for again`);
    await expectStillThere(here);
  });

  it('whose primary is killed while its replica had fallen behind: what Redis had acknowledged is lost, and the sweep finds it', async () => {
    const here = failover as Failover;
    process.kill(replica.pid, 'SIGSTOP');
    await unlink();
    await survives(here, 'Sentinel, primary killed, replica behind', async () => {
      await primary.kill();
      process.kill(replica.pid, 'SIGCONT');
      await promoted();
    });
    const swept = sweptBy(here);
    told(`Sentinel, replica behind: ${swept} jobs had vanished and were asked for again`);
    expect(swept).toBeGreaterThan(0);
    await expectStillThere(here);
  });

  it('whose primary freezes and wakes when it has been replaced: all rows end once, no worker is restarted', async () => {
    const here = failover as Failover;
    await survives(here, 'Sentinel, primary frozen', async () => {
      process.kill(primary.pid, 'SIGSTOP');
      await promoted();
      await pass(FROZEN_MS);
      process.kill(primary.pid, 'SIGCONT');
    });
    told(`Sentinel, frozen: ${sweptBy(here)} jobs had vanished and were asked for again`);
    await expectStillThere(here);
  });
});
