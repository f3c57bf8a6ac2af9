import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ocr } from '../../../lib/documents/ocr/contract.ts';
import { PermanentError, UnavailableError } from '../../../lib/errors.ts';
import { createReadingWorld, pngOf, type ReadingWorld, seeingOcr } from './support.ts';

const module = new URL('./hostile-thread.ts', import.meta.url);
let world: ReadingWorld;
let hasty: ReadingWorld;
beforeAll(async () => {
  world = await createReadingWorld({ module, memoryMb: 40 });
  hasty = await createReadingWorld({ module, memoryMb: 40, limits: { pageMs: 300, documentMs: 1_500 } });
});
afterAll(() => Promise.all([world.close(), hasty.close()]));

describe('a thread that does not come back', () => {
  it.each(['hangs', 'fills', 'exits', 'rejects', 'crashes'])('%s at a page of a PDF: that has failed, the others are read', async (misdeed) => {
    const found = await (misdeed === 'hangs' ? hasty : world).read('x', `${misdeed}.pdf`);
    expect(found.pages.map(({ state }) => state)).toEqual(['text', 'failed', 'text']);
    expect(found.blocks.map(({ text }) => text)).toEqual(['Text of page 1', 'Text of page 3']);
    expect(found.warnings).toEqual(['Page 2 cannot be read']);
  });

  it.each([
    ['hangs', 'document_timeout', /longer than 2 s: split it/],
    ['fills', 'document_memory', /more than 40 MiB.*split it/],
    ['exits', 'document_corrupt', /save it anew/],
    ['rejects', 'document_corrupt', /save it anew/],
    ['crashes', 'document_corrupt', /save it anew/],
  ])('%s over any other file: that cannot be read (%s), the next one can', async (misdeed, code, says) => {
    const here = misdeed === 'hangs' ? hasty : world;
    await expect(here.read('x', `${misdeed}.docx`)).rejects.toMatchObject({ code, retryable: false, message: expect.stringMatching(says) });
    await expect(here.read('x', 'well.pdf')).resolves.toMatchObject({ pages: [{ page: 1 }, { page: 2 }, { page: 3 }] });
  });

  it('is ended by an abort, with its reason', async () => {
    const stop = new AbortController();
    const reason = new Error('Cancelled');
    const reading = world.read('x', 'hangs.pdf', { signal: stop.signal, onProgress: () => stop.abort(reason) });
    await expect(reading).rejects.toBe(reason);
  });
});

describe('OCR that fails', () => {
  const readWith = async (recognize: Ocr['recognize']) => {
    const other = await createReadingWorld({ ocr: { ...seeingOcr, recognize } });
    return other.read(pngOf(8), 'scan.png').finally(other.close);
  };

  it('at one page leaves the others', async () => {
    let calls = 0;
    const found = await readWith(async (image, options) => {
      calls += 1;
      if (calls === 1) throw new PermanentError('Not a picture', { code: 'document_corrupt' });
      return seeingOcr.recognize(image, options);
    });
    expect(found.pages.map(({ state }) => state)).toEqual(['failed', 'ocr']);
  });

  it('at all pages makes the file unreadable', async () => {
    const broken = readWith(async () => Promise.reject(new PermanentError('Not a picture', { code: 'document_corrupt' })));
    await expect(broken).rejects.toMatchObject({ code: 'document_corrupt' });
  });

  it('for want of the machine is tried again', async () => {
    const away = readWith(async () => Promise.reject(new UnavailableError('No thread to be had')));
    await expect(away).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  });
});
