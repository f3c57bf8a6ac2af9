import type { ShareOptions } from './types.ts';

/** BullMQ's priorities end at 2^21: 16 levels of the caller's priority, each with 2^17 slots for the keys' turns. */
const LEVELS = 16;
const WIDTH = 2 ** 17;
const CATCH_UP = 10;

export type Sharing = Required<ShareOptions>;

/** Throws `RangeError` for a width that leaves no room to re-base or reaches past BullMQ's priorities. */
export function sharingOf({ width = WIDTH, catchUp = CATCH_UP }: ShareOptions = {}): Sharing {
  if (width > WIDTH || width <= 4 * catchUp) throw new RangeError(`A level is wider than 4 x ${catchUp} and has at most ${WIDTH} slots`);
  return { width, catchUp };
}

/** Highest caller's priority of each level after 10; each up to there has a level of its own. */
const BOUNDS = [20, 50, 100, 1_000];
const EXACT = 10;

/** 0 (first) to 15. Never puts a higher priority before a lower one; 11-20, 21-50, 51-100, 101-1,000 and all above share a level each. */
export function levelOf(priority: number): number {
  if (priority <= EXACT) return priority;
  const bound = BOUNDS.findIndex((highest) => priority <= highest);
  return bound < 0 ? LEVELS - 1 : EXACT + 1 + bound;
}

/** What BullMQ is given. Slots beyond the level's last are its last: oldest first there. */
export function toPriority(level: number, slot: number, { width }: Sharing): number {
  return 1 + level * width + Math.min(width - 1, Math.max(0, slot));
}

/** 2025-01-01. */
const EPOCH_MS = 1_735_689_600_000;
const LEVEL_STEP = 2 ** 39;
const FRACTION = 2 ** 10;

/** Orders the jobs of one key: by level, then oldest first. Of one millisecond, by their slots. */
export function orderOf({ priority, timestamp }: { priority: number; timestamp: number }): number {
  const slot = Math.max(0, priority - 1);
  return Math.floor(slot / WIDTH) * LEVEL_STEP + Math.max(0, timestamp - EPOCH_MS) + (slot % FRACTION) / FRACTION;
}

/**
 * Where the ranges of BullMQ's priorities begin whose oldest job stands at or near the range's head: those of the levels, and within the first
 * level those of the priorities that callers give, for queues without turns.
 */
export function rangeStarts({ width }: Sharing): number[] {
  const given = [...Array.from({ length: EXACT + 1 }, (_, index) => index), ...[EXACT, ...BOUNDS].map((bound) => bound + 1)];
  const levels = Array.from({ length: LEVELS }, (_, level) => 1 + level * width);
  return [...new Set([...given, ...levels])].sort((one, other) => one - other);
}
