import type { QueueName } from '../../jobs/define.ts';
import { createOwnTurns } from './own-turns.ts';
import { type Sharing, toPriority } from './slots.ts';
import type { FairShares, Share } from './types.ts';

/** New jobs of one key at one level. */
export interface JobGroup {
  level: number;
  /** Begins with `n` (now) or `d` (delayed). */
  key: string;
  count: number;
  /** The last turn that this process gave to jobs of the key without asking, or -1. */
  used: number;
}

/** One round trip. Two numbers for each group: the turn of its first job, of which its next jobs follow one by one, and the turn whose slot is 0. */
export type FirstTurns = (queue: QueueName, groups: readonly JobGroup[]) => Promise<number[]>;

/** BullMQ's priorities for new jobs, in their order. */
export function createPriorities(firstTurns: FirstTurns, sharing: Sharing, now: () => number = () => performance.now()): FairShares['priorities'] {
  const own = createOwnTurns(sharing, now);

  async function slotsOf(queue: QueueName, groups: readonly JobGroup[]): Promise<Map<JobGroup, number>> {
    const slots = new Map<JobGroup, number>();
    const asked = groups.filter((group) => {
      const slot = own.take(queue, group);
      if (slot !== undefined) slots.set(group, slot);
      return slot === undefined;
    });
    if (asked.length === 0) return slots;
    const turns = await firstTurns(
      queue,
      asked.map((group) => ({ ...group, used: own.used(queue, group) })),
    );
    if (turns.length !== 2 * asked.length) throw new TypeError('The fair shares answered something else than two numbers per group');
    for (const [index, group] of asked.entries()) {
      const [turn = 0, base = 0] = turns.slice(2 * index, 2 * index + 2);
      own.learn(queue, group, { turn, base });
      slots.set(group, turn - base);
    }
    return slots;
  }

  return async (queue, shares) => {
    const { groups, places } = grouped(shares);
    const slots = await slotsOf(queue, groups);
    return places.map(({ group, place }) => toPriority(group.level, (slots.get(group) ?? 0) + place, sharing));
  };
}

function grouped(shares: readonly Share[]): { groups: JobGroup[]; places: { group: JobGroup; place: number }[] } {
  const groups = new Map<string, JobGroup>();
  const places = shares.map((share) => {
    const key = `${share.delayed ? 'd' : 'n'}:${share.key}`;
    const group = groups.get(`${share.level}${key}`) ?? { level: share.level, key, count: 0, used: -1 };
    groups.set(`${share.level}${key}`, group);
    group.count += 1;
    return { group, place: group.count - 1 };
  });
  return { groups: [...groups.values()], places };
}
