import { Cluster, type Redis } from 'ioredis';
import { UnavailableError } from '../../errors.ts';
import { deadlineIn, within } from '../../lifecycle.ts';
import { openCommandClient, type RedisTarget } from './redis-connection.ts';

/** What a Redis says of itself; for `hivepulse doctor`, on a connection of its own. */
export interface RedisFacts {
  version: string;
  /** Its clock, in milliseconds since the epoch. */
  now(): Promise<number>;
  close(): void;
}

/** Of one primary where it is a cluster. Throws `UnavailableError` after `timeoutMs`. */
export async function openRedisFacts(target: RedisTarget, timeoutMs: number): Promise<RedisFacts> {
  const client = openCommandClient(target, { connectTimeoutMs: timeoutMs, commandTimeoutMs: timeoutMs });
  // Why it cannot be reached is told by whoever checks that; here it is enough that it cannot.
  client.on('error', () => undefined);
  const connected = new Promise<boolean>((resolve) => client.once('ready', () => resolve(true)));
  if (!(await within(connected, deadlineIn(timeoutMs), false))) {
    client.disconnect();
    throw new UnavailableError(`Redis is not reachable (waited ${timeoutMs} ms)`);
  }
  const node: Redis | undefined = client instanceof Cluster ? client.nodes('master')[0] : client;
  const info = (await node?.info('server')) ?? '';
  return {
    version: /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'of an unknown version',
    now: async () => {
      const [seconds = 0, micros = 0] = (await node?.time()) ?? [];
      return Number(seconds) * 1_000 + Number(micros) / 1_000;
    },
    close: () => client.disconnect(),
  };
}
