import { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { createOcr } from '../../../lib/documents/ocr/ocr.ts';
import { PermanentError } from '../../../lib/errors.ts';
import { print, scan, withPages, wordRecall } from './pictures.ts';

const ocr = createOcr({ workers: 1 });
afterAll(() => ocr.close());

const signal = new AbortController().signal;
const CLAUSE = ['The Supplier may terminate this Agreement', 'on ninety days written notice if control', 'of the Customer changes.'];

/** What `recognize` of a thread calls itself, here, where it can be watched. */
async function recognizeHere(image: Uint8Array) {
  const { default: recognize } = await import('../../../lib/documents/ocr/thread.ts');
  const dataPath = new URL('4.0.0_best_int', import.meta.resolve('@tesseract.js-data/eng/package.json')).pathname;
  return recognize({ image, orientation: 1, dpi: undefined, forgets: true, engine: { dataPath, languages: ['eng'] } });
}

describe('a scanned page', () => {
  it('is read in columns, with 95 words of a hundred right', { timeout: 120_000 }, async () => {
    const { text, blocks, confidence } = await ocr.recognize(scan('8087_054.3B.tif'), { signal });
    const truth = scan('8087_054.3B.txt').toString('latin1');
    // "T R A V E L" is one word.
    const unspaced = truth.replace(/(?<![^\s])\S(?: \S)+(?![^\s])/g, (spaced) => spaced.replaceAll(' ', ''));
    const recall = { asTyped: wordRecall(text, truth), withoutLetterSpacing: wordRecall(text, unspaced) };
    console.log(
      `Word recall of 8087_054.3B.tif: ${recall.asTyped.toFixed(3)}, its two letter-spaced lines counted as words ${recall.withoutLetterSpacing.toFixed(3)}`,
    );
    expect(recall.asTyped).toBeGreaterThanOrEqual(0.95);
    expect(recall.withoutLetterSpacing).toBeGreaterThanOrEqual(0.97);
    expect(confidence).toBeGreaterThan(0.9);
    expect(text).toBe(blocks.join('\n\n'));
    expect(blocks.find((block) => block.startsWith('Today the city'))).toMatch(/quiet con-\nfidence has been shaken by\nthe reality/);
    expect(blocks).not.toContain('TN');
  });

  it('is read when it lies upside down or leans by ten degrees', async () => {
    const upright = CLAUSE.join('\n');
    for (const transform of ['rotate(180)', 'rotate(10)', 'rotate(-9)']) {
      const { text, confidence } = await ocr.recognize(print(CLAUSE, transform), { signal });
      expect(wordRecall(text, upright), transform).toBe(1);
      expect(confidence).toBeGreaterThan(0.8);
    }
  });

  it('gives no text when it cannot be trusted, and says how little it is', async () => {
    // Mirror writing, and print of seven pixels.
    for (const transform of ['scale(-1 1)', 'scale(0.25)']) {
      const { text, blocks, confidence } = await ocr.recognize(print(CLAUSE, transform), { signal });
      expect([text, blocks]).toEqual(['', []]);
      expect(confidence).toBeGreaterThan(0);
      expect(confidence).toBeLessThan(0.6);
    }
    expect(await ocr.recognize(print([]), { signal })).toEqual({ text: '', blocks: [], confidence: 0 });
  });

  it('needs no network', async () => {
    const connect = vi.spyOn(Socket.prototype, 'connect');
    const fetched = vi.spyOn(globalThis, 'fetch');
    const reading = await recognizeHere(print(CLAUSE));
    expect(reading?.paragraphs.join('\n')).toBe(CLAUSE.join('\n'));
    expect(connect).not.toHaveBeenCalled();
    expect(fetched).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });
});

describe('a file of several pages', () => {
  it('gives one picture for each, previews left out', async () => {
    const pages = [];
    const file = withPages(scan('phototest.tif'), [{ height: 160 }, { height: 60, preview: true }, { height: 300 }]);
    for await (const page of ocr.decodePages(file)) pages.push((await ocr.recognize(page, { signal })).text.split('\n'));
    expect(pages.map((lines) => lines[0])).toEqual(Array(3).fill('This is a lot of 12 point text to test the'));
    expect(pages.map((lines) => lines.length)).toEqual([9, 2, 7]);
  });

  it('ends where its directories go round in a circle', async () => {
    const file = Buffer.from(withPages(scan('phototest.tif'), [{ height: 100 }]));
    const first = file.readUInt32LE(4);
    file.writeUInt32LE(first, file.length - 4);
    const pages = [];
    for await (const page of ocr.decodePages(file)) pages.push(page.length);
    expect(pages).toEqual([file.length, file.length]);
  });
});

describe('a picture that cannot be read', () => {
  const png = Buffer.from(print(CLAUSE));
  const huge = Buffer.from(png);
  huge.writeUInt32BE(100_000, 16);
  it.each([
    ['nothing at all', Buffer.alloc(0), 'document_unsupported'],
    ['of an unknown kind', Buffer.from('no picture'), 'document_unsupported'],
    ['a PNG cut off in its head', png.subarray(0, 20), 'document_corrupt'],
    ['a PNG cut off in its pixels', png.subarray(0, 3_000), 'document_corrupt'],
    ['a TIFF cut off', scan('8087_054.3B.tif').subarray(0, 40_000), 'document_corrupt'],
    ['a JPEG without a frame', Buffer.from('ffd8ffe000104a46494600', 'hex'), 'document_corrupt'],
    ['a picture of more pixels than memory is for', huge, 'document_too_large'],
  ])('%s: fails for good, and alone', async (_, image, code) => {
    const failure = await ocr.recognize(image, { signal }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PermanentError);
    expect(failure).toMatchObject({ code });
  });

  it('takes too long: its thread is ended', async () => {
    const hurried = createOcr({ workers: 1, timeLimitMs: 1 });
    await expect(hurried.recognize(print(CLAUSE), { signal })).rejects.toMatchObject({ code: 'document_timeout', retryable: false });
    await hurried.close();
  });
});

describe('an aborted picture', () => {
  it('ends at once, with the reason, and the next one gets a new thread', async () => {
    await ocr.recognize(print(CLAUSE), { signal });
    const controller = new AbortController();
    const running = ocr.recognize(scan('8087_054.3B.tif'), { signal: controller.signal });
    const waiting = ocr.recognize(scan('phototest.tif'), { signal });
    for (let turn = 0; turn < 10; turn += 1) await nextTurn();
    controller.abort(new Error('somebody cancelled'));
    await expect(running).rejects.toThrow('somebody cancelled');
    expect((await waiting).text).toContain('The quick brown dog jumped over the');
  });
});
