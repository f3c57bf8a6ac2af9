/** Handed in by tests, which move it. */
export interface StandInClock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds from an arbitrary start. */
  monotonic(): number;
}

export const systemClock: StandInClock = { now: () => Date.now(), monotonic: () => performance.now() };
