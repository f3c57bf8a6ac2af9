import type { Queue } from 'bullmq';
import type { QueueName } from '../../jobs/define.ts';
import type { RedisClient } from '../backend/redis-connection.ts';
import { available, createScriptRunner, scriptOf } from '../backend/redis-script.ts';
import { createPriorities, type FirstTurns } from './priorities.ts';
import { FIRST_TURNS, PARK } from './redis-scripts.ts';
import { sharingOf } from './slots.ts';
import type { FairShares, ShareOptions } from './types.ts';

export interface RedisFairDeps {
  /** Asked for at each call: it connects at the first. */
  client: () => RedisClient;
  queue: (name: QueueName) => Pick<Queue, 'toKey'>;
  /** The hash tag of a queue: what lives with it lies in its slot of a cluster. */
  tag: (name: QueueName) => string;
  sharing?: ShareOptions;
}

/** Longer than any pause between two jobs that should still count: without this, turns begin anew and older jobs of a key lose their lead. */
const LIFE_SECONDS = 7 * 24 * 60 * 60;

export function createRedisFair({ client, queue, tag, sharing }: RedisFairDeps): FairShares {
  const { width, catchUp } = sharingOf(sharing);
  const run = createScriptRunner(client);
  const lineOf = (name: QueueName, line: string) => `${tag(name)}:fair:line:${line}`;

  const firstTurns: FirstTurns = async (name, groups) => {
    const of = queue(name);
    const keys = [...['prioritized', 'delayed', 'active'].map((type) => of.toKey(type)), `${tag(name)}:fair:levels`];
    const args = [width, catchUp, LIFE_SECONDS, of.toKey(''), `${tag(name)}:fair:level:`];
    const answer = await run(scripts.firstTurns, keys, [...args, ...groups.flatMap(({ level, key, count, used }) => [level, key, count, used])]);
    return Array.isArray(answer) ? answer.map(Number) : [];
  };

  return {
    priorities: createPriorities(firstTurns, { width, catchUp }),
    park: async (name, line, jobId, order) => Number(await run(scripts.park, [lineOf(name, line)], [jobId, order, LIFE_SECONDS])),
    async next(name, line) {
      const [first] = await available(() => client().zpopmin(lineOf(name, line)));
      return first;
    },
    async unpark(name, line, jobId) {
      await available(() => client().zrem(lineOf(name, line), jobId));
    },
  };
}

const scripts = { firstTurns: scriptOf(FIRST_TURNS), park: scriptOf(PARK) };
