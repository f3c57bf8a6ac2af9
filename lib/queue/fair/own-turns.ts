import type { QueueName } from '../../jobs/define.ts';
import type { JobGroup } from './priorities.ts';
import type { Sharing } from './slots.ts';

/** For so long after an answer its next turns are given out here. Long: a queue moves on meanwhile, and these jobs come a little early. */
const FRESH_MS = 20;
/** And at most so many of them. */
const MOST = 31;
/** Single jobs in a row before any turn is given out here: what adds a few, or batches, always asks. */
const BURST = 8;
/** Keys remembered; the oldest are forgotten first. */
const KEYS = 1_000;
/** Turns that no queue gets through while an answer is fresh: nearer to the middle of a level it may be re-based at any time. */
const MARGIN = 4_096;

interface Known {
  /** The next turn. */
  turn: number;
  base: number;
  left: number;
  /** Single jobs in a row. */
  row: number;
  used: number;
  at: number;
}

/**
 * Who adds one job after the other for the same key asks for a turn only now and then, and tells the turns it gave out by itself with the next question.
 * A process that ends before it told them lets the key's next jobs, from elsewhere, share these turns: nothing is lost.
 */
export function createOwnTurns({ width }: Sharing, now: () => number) {
  const known = new Map<string, Known>();
  const nameOf = (queue: QueueName, { level, key }: JobGroup): string => `${queue}:${level}${key}`;

  return {
    /** The first slot of the group, or undefined where it has to be asked for. */
    take(queue: QueueName, group: JobGroup): number | undefined {
      const one = known.get(nameOf(queue, group));
      if (!one || group.count > 1 || one.left < 1 || now() - one.at > FRESH_MS) return undefined;
      const { turn } = one;
      one.turn += 1;
      one.left -= 1;
      one.row += 1;
      one.used = turn;
      return turn - one.base;
    },
    used: (queue: QueueName, group: JobGroup): number => known.get(nameOf(queue, group))?.used ?? -1,
    learn(queue: QueueName, group: JobGroup, { turn, base }: { turn: number; base: number }): void {
      const name = nameOf(queue, group);
      const before = known.get(name);
      const row = group.count === 1 ? 1 + (before && now() - before.at <= 2 * FRESH_MS ? before.row : 0) : 0;
      const steady = turn - base + MARGIN < width / 2;
      known.delete(name);
      known.set(name, { turn: turn + group.count, base, left: steady && row >= BURST ? MOST : 0, row, used: -1, at: now() });
      const [oldest] = known.keys();
      if (known.size > KEYS && oldest !== undefined) known.delete(oldest);
    },
  };
}
