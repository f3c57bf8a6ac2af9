import { describe, expect, it } from 'vitest';
import { planEmbeddings } from '../../lib/ai/batches.ts';
import { estimateTokens } from '../../lib/ai/tokens.ts';

const LIMITS = { inputs: 3, tokensPerInput: 10, tokensPerRequest: 20 };
const words = (count: number) => Array.from({ length: count }, () => 'word').join(' ');

describe('an estimate of tokens', () => {
  // What cl100k_base, the tokenizer of OpenAI's embedding models, makes of them.
  it.each([
    ['', 0],
    ['The quick brown fox jumps over the lazy dog.', 10],
    ['internationalisation', 2],
    ['2026-11-22T08:00:00Z', 13],
    ['日本語のテキスト', 8],
    ['😀😀😀', 6],
    ['Это тестовое предложение, написанное на русском языке.', 24],
    ['यह एक परीक्षण वाक्य है जो हिंदी में लिखा गया है।', 50],
  ])('of %j is not below %d, nor three times as much', (text, counted) => {
    expect(estimateTokens(text)).toBeGreaterThanOrEqual(counted);
    expect(estimateTokens(text)).toBeLessThanOrEqual(3 * counted);
  });

  it('takes long runs of letters for the codes they are', () => {
    expect(estimateTokens('a'.repeat(300))).toBe(200);
  });
});

describe('a plan for embedding many texts', () => {
  it('asks for equal texts once and remembers where each belongs', () => {
    const plan = planEmbeddings(['b', 'a', 'b', 'c', 'a'], LIMITS);
    expect(plan.batches.map(({ texts }) => texts)).toEqual([['b', 'a', 'c']]);
    expect(plan.places).toEqual([0, 1, 0, 2, 1]);
  });

  it('splits by number and by tokens', () => {
    const byNumber = planEmbeddings(['a', 'b', 'c', 'd'], LIMITS);
    expect(byNumber.batches.map(({ texts }) => texts.length)).toEqual([3, 1]);
    const byTokens = planEmbeddings([`${words(9)} x`, `${words(9)} y`, `${words(9)} z`], LIMITS);
    expect(byTokens.batches.map(({ texts, tokens }) => [texts.length, tokens])).toEqual([
      [2, 20],
      [1, 10],
    ]);
  });

  it('of nothing is nothing', () => {
    expect(planEmbeddings([], LIMITS)).toEqual({ batches: [], places: [] });
  });

  it.each(['', ' \n'])('refuses the empty text %j by its place', (empty) => {
    expect(() => planEmbeddings(['a', empty], LIMITS)).toThrow(expect.objectContaining({ code: 'empty_text', details: { index: 1 } }));
  });

  it('refuses a text that is too long by its place, without quoting it', () => {
    expect(() => planEmbeddings(['a', 'a', words(11)], LIMITS)).toThrow(
      expect.objectContaining({ code: 'text_too_long', message: expect.not.stringContaining('word'), details: { index: 2, tokens: 11, limit: 10 } }),
    );
  });
});
