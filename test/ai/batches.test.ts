import { describe, expect, it } from 'vitest';
import { planEmbeddings } from '../../lib/ai/batches.ts';
import { clipToTokens, estimateTokens } from '../../lib/ai/tokens.ts';

const LIMITS = { inputs: 3, tokensPerInput: 10, tokensPerRequest: 20, requestsAtOnce: 2 };
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

describe('a text clipped to a number of tokens', () => {
  it('stays as it is when it cannot have more', () => {
    for (const text of ['', 'word '.repeat(1_600), '😀'.repeat(2_048)]) expect(clipToTokens(text, 8_192)).toBe(text);
  });

  it('stays as it is when it has more bytes, but surely not more tokens', () => {
    const text = 'internationalisation '.repeat(500);
    expect(clipToTokens(text, 8_192)).toBe(text);
  });

  // A byte-level tokenizer makes no more tokens of a character than it has bytes.
  it.each([
    ['rare characters, of a token per byte', '\u{13000}', 4],
    ['Amharic', 'ሰ', 3],
    ['emoji', '😀', 4],
    ['codes of capitals', 'Q', 1],
    ['punctuation', '~', 1],
  ])('keeps what is certain to fit of %s', (_, character, tokens) => {
    const clipped = clipToTokens(character.repeat(20_000), 8_192);
    expect(clipped.length).toBeGreaterThan(1_000);
    expect([...clipped].length * tokens).toBeLessThanOrEqual(8_192);
  });

  it('is never cut within a character', () => {
    for (const limit of [9, 10, 11, 12]) expect(clipToTokens(`~${'😀'.repeat(10)}`, limit).isWellFormed()).toBe(true);
  });
});

describe('a plan for embedding many texts', () => {
  const textsOf = async (texts: readonly string[], limits = LIMITS) =>
    (await planEmbeddings(texts, limits)).map((batch) => batch.map(({ text }) => text));

  it('asks for equal texts once and remembers where each belongs', async () => {
    const [batch] = await planEmbeddings(['b', 'a', 'b', 'c', 'a'], LIMITS);
    expect(batch?.map(({ text, places }) => [text, places])).toEqual([
      ['b', [0, 2]],
      ['a', [1, 4]],
      ['c', [3]],
    ]);
  });

  it('is one request as long as number and tokens allow', async () => {
    expect(await textsOf(['a', 'b', 'c'])).toEqual([['a', 'b', 'c']]);
    expect(await textsOf([words(10), `${words(9)} x`])).toEqual([[words(10), `${words(9)} x`]]);
  });

  it('splits by number and by tokens, into as few requests as can be, of like size', async () => {
    expect(await textsOf(['a', 'b', 'c', 'd'])).toEqual([
      ['a', 'd'],
      ['b', 'c'],
    ]);
    const long = ['x', 'y', 'z'].map((end) => `${words(9)} ${end}`);
    expect((await textsOf(long)).map((batch) => batch.length)).toEqual([1, 2]);
  });

  it('shares out long and short texts', async () => {
    const limits = { ...LIMITS, inputs: 4, tokensPerRequest: 30 };
    const texts = [words(10), words(9), words(8), 'a', 'b', 'c', words(7), words(6)];
    const batches = await planEmbeddings(texts, limits);
    expect(batches.map((batch) => batch.reduce((sum, { tokens }) => sum + tokens, 0))).toEqual([24, 19]);
  });

  it('takes one more request where the fewest do not work out', async () => {
    const limits = { ...LIMITS, inputs: 10, tokensPerRequest: 10 };
    // 20 tokens in two requests would need a text in two parts.
    const batches = await textsOf([`${words(6)} x`, `${words(6)} y`, words(6)], limits);
    expect(batches.map((batch) => batch.length)).toEqual([1, 1, 1]);
  });

  it('of nothing is nothing', async () => {
    expect(await planEmbeddings([], LIMITS)).toEqual([]);
  });

  it.each(['', ' \n'])('refuses the empty text %j by its place', async (empty) => {
    await expect(planEmbeddings(['a', empty], LIMITS)).rejects.toMatchObject({ code: 'empty_text', details: { index: 1 } });
  });

  it('refuses a text that is too long by its place, without quoting it', async () => {
    const details = { index: 2, tokens: 11, limit: 10 };
    const message = expect.not.stringContaining('word');
    await expect(planEmbeddings(['a', 'a', words(11)], LIMITS)).rejects.toMatchObject({ code: 'text_too_long', message, details });
  });
});
