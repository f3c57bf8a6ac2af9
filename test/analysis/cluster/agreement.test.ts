import { describe, expect, it } from 'vitest';
import { adjustedRandIndex, normalisedMutualInformation } from '../../../lib/analysis/cluster/agreement.ts';

describe('adjustedRandIndex', () => {
  // Expected values as scikit-learn's documentation and the formula give them.
  it.each([
    { name: 'the same groups under other names', one: [0, 0, 1, 1], other: [1, 1, 0, 0], expected: 1 },
    { name: 'one group split', one: [0, 0, 1, 1], other: [0, 0, 1, 2], expected: 4 / 7 },
    { name: 'every pair taken apart', one: [0, 0, 1, 1], other: [0, 1, 0, 1], expected: -0.5 },
    { name: 'all together against all apart', one: [0, 0, 0, 0], other: [0, 1, 2, 3], expected: 0 },
    { name: 'one group, twice', one: [0, 0, 0], other: [5, 5, 5], expected: 1 },
    { name: 'no rows', one: [], other: [], expected: 1 },
  ])('$name: $expected', ({ one, other, expected }) => {
    expect(adjustedRandIndex(one, other)).toBeCloseTo(expected, 12);
    expect(adjustedRandIndex(other, one)).toBeCloseTo(expected, 12);
  });

  it('takes rows labelled -1 for alone, not for a group', () => {
    expect(adjustedRandIndex([0, 0, 1, 1, -1, -1], [0, 0, 1, 1, 2, 3])).toBe(1);
    expect(adjustedRandIndex([0, 0, 1, 1, -1, -1], [0, 0, 1, 1, 2, 2])).toBeLessThan(1);
  });

  it('refuses labellings of different lengths', () => {
    expect(() => adjustedRandIndex([0], [0, 1])).toThrow(RangeError);
  });
});

describe('normalisedMutualInformation', () => {
  it.each([
    { name: 'the same groups under other names', one: [0, 0, 1, 1], other: [1, 1, 0, 0], expected: 1 },
    { name: 'one group split', one: [0, 0, 1, 1], other: [0, 0, 1, 2], expected: 0.8 },
    { name: 'labels that say nothing of each other', one: [0, 0, 1, 1], other: [0, 1, 0, 1], expected: 0 },
    { name: 'all together against all apart', one: [0, 0, 0, 0], other: [0, 1, 2, 3], expected: 0 },
    { name: 'one group, twice', one: [0, 0], other: [3, 3], expected: 1 },
  ])('$name: $expected', ({ one, other, expected }) => {
    expect(normalisedMutualInformation(one, other)).toBeCloseTo(expected, 12);
  });
});
