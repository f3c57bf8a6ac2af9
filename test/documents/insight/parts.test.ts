import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { PARTS_AT_ONCE } from '../../../lib/documents/insight/limits.ts';
import { mapAtOnce, markedText, partsOf } from '../../../lib/documents/insight/parts.ts';

const chunk = (text: string, tokens: number, spans = [{ page: 1, start: 0 }]) => ({ text, kind: 'text' as const, section: [], spans, tokens });

describe('parts of a document', () => {
  it.each([
    [
      [5, 5, 5],
      [[5, 5], [5]],
    ],
    [
      [10, 1, 9],
      [[10], [1, 9]],
    ],
    [
      [30, 1],
      [[30], [1]],
    ],
    [
      [1, 30, 1],
      [[1], [30], [1]],
    ],
  ])('hold whole chunks, of at most ten tokens where they can: %j', (sizes, parts) => {
    const found = partsOf(
      sizes.map((tokens) => chunk('x', tokens)),
      10,
    );
    expect(found.map(({ chunks }) => chunks.map(({ tokens }) => tokens))).toEqual(parts);
    expect(found.map(({ number, of }) => `${number} of ${of}`)).toEqual(parts.map((_, index) => `${index + 1} of ${parts.length}`));
  });

  it('mark where pages begin, once each', () => {
    const chunks = [
      chunk('one two', 1, [
        { page: 1, start: 0 },
        { page: 2, start: 4 },
      ]),
      chunk('three', 1, [{ page: 2, start: 0 }]),
      chunk('four', 1, [{ page: 4, start: 0 }]),
    ];
    expect(markedText({ chunks })).toBe('[page 1]\none\n[page 2]\ntwo\n\nthree\n\n[page 4]\nfour');
    expect(partsOf(chunks)[0]?.pages).toEqual([1, 2, 4]);
  });

  it('are worked on a few at a time, and answered in their order', async () => {
    let running = 0;
    let most = 0;
    const answers = await mapAtOnce([...Array(20).keys()], async (item) => {
      running += 1;
      most = Math.max(most, running);
      for (let turn = 0; turn < 20 - item; turn += 1) await nextTurn();
      running -= 1;
      return item * 2;
    });
    expect(most).toBe(PARTS_AT_ONCE);
    expect(answers).toEqual([...Array(20).keys()].map((item) => item * 2));
  });
});
