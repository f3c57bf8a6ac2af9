import { describe, expect, it } from 'vitest';
import { gradeOf, readingGrade } from '../../lib/scoring/reading-level.ts';

describe('the reading level', () => {
  it('is the Flesch-Kincaid grade of its counts', () => {
    // 0.39 x 10 + 11.8 x 1.5 - 15.59
    expect(gradeOf({ sentences: 2, words: 20, syllables: 30 })).toBe(6);
  });

  it('of a text without words is 0, and never below', async () => {
    expect(await readingGrade('')).toBe(0);
    expect(await readingGrade('...')).toBe(0);
    expect(await readingGrade('The cat sat on the mat.')).toBe(0);
  });

  it('of known examples is where their readers are', async () => {
    const child = await readingGrade('The dog ran to the park. It saw a red ball. The boy threw the ball and the dog ran after it.');
    const law = await readingGrade(
      'Notwithstanding any provision to the contrary, the contracting parties acknowledge that intellectual property originating from collaborative investigations remains proprietary.',
    );
    // The Gettysburg Address, first sentence; published grades for the whole lie near 11.
    const gettysburg = await readingGrade(
      'Four score and seven years ago our fathers brought forth on this continent, a new nation, conceived in Liberty, and dedicated to the proposition that all men are created equal.',
    );
    expect(child).toBeLessThan(2);
    expect(gettysburg).toBeGreaterThan(11);
    expect(gettysburg).toBeLessThan(16);
    expect(law).toBeGreaterThan(18);
  });
});
