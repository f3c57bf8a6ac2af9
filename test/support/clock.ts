import type { Clock } from '../../lib/clock.ts';

export interface FakeClock extends Clock {
  /** Moves both clocks forward. */
  advance(ms: number): void;
  /** Sets the wall clock, also backwards, as an operator or NTP does; the monotonic clock stays. */
  setWallClock(now: number): void;
}

/** Stands still until it is told to move. `start` is in milliseconds since the epoch or ISO 8601. */
export function createFakeClock(start: number | string = '2026-11-22T08:00:00Z'): FakeClock {
  let now = typeof start === 'string' ? Date.parse(start) : start;
  let monotonic = 0;
  return {
    now: () => now,
    monotonic: () => monotonic,
    advance: (ms) => {
      now += ms;
      monotonic += ms;
    },
    setWallClock: (value) => {
      now = value;
    },
  };
}
