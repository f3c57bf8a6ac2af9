import { describe, expect, it } from 'vitest';
import { exponential } from '../../lib/jobs/define.ts';
import { queues } from '../../lib/jobs/index.ts';
import { backoffDelay, backoffStrategy, toJobBackoff } from '../../lib/queue/backoff.ts';

describe('the waits between attempts', () => {
  const middle = 0.5;

  it.each([
    ['story-enhancement', [2_000, 4_000]],
    ['conversation-analysis', [5_000, 10_000]],
    ['daily-brief', [5_000, 25_000, 125_000]],
    ['source-sync', [10_000, 50_000, 250_000, 900_000]],
  ] as const)('of %s are those of the contract, 15 minutes at most', (queue, waits) => {
    const { backoff, attempts } = queues[queue];
    expect(waits).toHaveLength(attempts - 1);
    expect(waits.map((_, attempt) => backoffDelay(backoff, attempt + 1, middle))).toEqual(waits);
  });

  it('vary by a tenth in both directions', () => {
    const backoff = exponential(1_000);
    expect(backoffDelay(backoff, 1, 0)).toBe(900);
    expect(backoffDelay(backoff, 1, 1)).toBe(1_100);
  });

  it('travel with the job, and have a default for a job of other hands', () => {
    const travelled = backoffStrategy(2, undefined, undefined, { opts: { backoff: toJobBackoff(exponential(100, 5)) } });
    expect(travelled).toBeGreaterThanOrEqual(450);
    expect(travelled).toBeLessThanOrEqual(550);
    const fallback = backoffStrategy(1, undefined, undefined, { opts: {} });
    expect(fallback).toBeGreaterThanOrEqual(4_500);
    expect(fallback).toBeLessThanOrEqual(5_500);
  });
});
