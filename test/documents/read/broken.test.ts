import { PDFDocument, StandardFonts } from 'pdf-lib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReadingWorld, fixture, pngOf, type ReadingWorld, textOf, wordParts, zipOf } from './support.ts';

const BOMB_BYTES = 60 * 2 ** 20;

let world: ReadingWorld;
beforeAll(async () => {
  const limits = { fileBytes: 4 * 2 ** 20, pages: 3, characters: 5_000, ocrPages: 2, uncompressedBytes: 30 * 2 ** 20, entries: 50 };
  world = await createReadingWorld({ limits });
});
afterAll(() => world.close());

const fileOf = async (name: string): Promise<[Buffer, string]> => [await fixture(name), name];

describe('a file that cannot be read', () => {
  const ole = (stream: string): Buffer =>
    Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(600), Buffer.from(`${stream}\0`, 'utf16le')]);
  const truncated = async (name: string): Promise<[Buffer, string]> => {
    const bytes = await fixture(name);
    return [bytes.subarray(0, bytes.length / 2), name];
  };
  const words = (text: string): Buffer => zipOf(wordParts(`<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`));
  const pdfOf = async (pages: number): Promise<Buffer> => {
    const pdf = await PDFDocument.create();
    for (let page = 0; page < pages; page += 1) pdf.addPage();
    return Buffer.from(await pdf.save());
  };

  const cases: [what: string, code: string, says: RegExp, file: () => Promise<[Uint8Array | string, string]>][] = [
    ['has nothing in it', 'document_empty', /upload it again/, async () => ['', 'a.pdf']],
    ['has blanks alone in it', 'document_no_text', /No text/, async () => [' \n\t\n', 'a.txt']],
    ['is a PDF with a password', 'document_encrypted', /remove the password/, () => fileOf('testPassword4Spaces.pdf')],
    ['is a workbook with a password', 'document_encrypted', /remove the password/, () => fileOf('protect.xlsx')],
    ['is a presentation with a password', 'document_encrypted', /remove the password/, () => fileOf('testPPT_protected_passtika.pptx')],
    ['is the shell around a package with a password', 'document_encrypted', /remove the password/, async () => [ole('EncryptedPackage'), 'a.docx']],
    ['is an old Word document', 'document_unsupported', /\.doc\).*save it as \.docx/, async () => [ole('WordDocument'), 'a.doc']],
    ['is an old workbook', 'document_unsupported', /\.xls\).*save it as \.xlsx/, async () => [ole('Workbook'), 'a.xls']],
    ['is an old presentation', 'document_unsupported', /\.ppt\).*save it as \.pptx/, async () => [ole('PowerPoint Document'), 'a.ppt']],
    ['is an archive', 'document_unsupported', /unpack it/, async () => [zipOf([{ name: 'a.txt', bytes: 'a' }]), 'a.zip']],
    ['is a program', 'document_unsupported', /save it as/, async () => [Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(3_000, 1)]), 'a.pdf']],
    ['is noise', 'document_unsupported', /no kind that is known/, async () => [Buffer.alloc(3_000, '\x01\x02\x81\x9d', 'latin1'), 'a.txt']],
    ['is half a Word document', 'document_corrupt', /upload/, () => truncated('tables.docx')],
    ['is the beginning of a PDF', 'document_corrupt', /upload/, async () => [(await fixture('testPDF.pdf')).subarray(0, 300), 'a.pdf']],
    ['is a Word document without its text', 'document_corrupt', /damaged/, async () => [zipOf(wordParts('').slice(0, 2)), 'a.docx']],
    ['is a page with nothing on it', 'document_no_text', /No text/, () => fileOf('testPDF_twoAuthors.pdf')],
    ['is a Word document with a picture alone', 'document_no_text', /No text/, () => fileOf('external-picture.docx')],
    ['has more bytes than allowed', 'document_too_large', /5 MiB.*4/, async () => [Buffer.alloc(5 * 2 ** 20, 'a'), 'a.txt']],
    ['has more pages than allowed', 'document_too_many_pages', /4 pages, 3 can be read/, async () => [await pdfOf(4), 'a.pdf']],
    ['has more text than allowed', 'document_too_large', /5,000 characters/, async () => [words('a word '.repeat(1_000)), 'a.docx']],
    ['unpacks to more than allowed', 'document_bomb', /unpacks/, async () => [zipOf(wordParts(Buffer.alloc(BOMB_BYTES))), 'a.docx']],
    ['unpacks to more than its directory says', 'document_bomb', /unpacks/, async () => [zipOf(wordParts(Buffer.alloc(BOMB_BYTES)), 100), 'a.docx']],
    [
      'unpacks to more than allowed, one small part after the other',
      'document_bomb',
      /unpacks/,
      async () => [
        zipOf([...wordParts('<w:p/>'), ...Array.from({ length: 4 }, (_, part) => ({ name: `word/${part}.xml`, bytes: Buffer.alloc(9 * 2 ** 20) }))]),
        'a.docx',
      ],
    ],
    [
      'has more parts than allowed',
      'document_bomb',
      /51 parts/,
      async () => [zipOf(Array.from({ length: 51 }, (_, part) => ({ name: `${part}.xml`, bytes: 'a' }))), 'a.docx'],
    ],
  ];
  it.each(cases)('%s: %s', async (_what, code, says, file) => {
    const [content, name] = await file();
    await expect(world.read(content, name)).rejects.toMatchObject({ code, retryable: false, message: expect.stringMatching(says) });
  });

  it('in one part alone is read without it, and its owner is told', async () => {
    const file = zipOf([...wordParts('<w:p><w:r><w:t>Clause</w:t></w:r></w:p>'), { name: 'word/theme.xml', bytes: '<theme/>'.repeat(9) }]);
    const name = file.indexOf('word/theme.xml');
    file.fill(0xff, name + 14, name + 20);
    const found = await world.read(file, 'a.docx');
    expect(textOf(found)).toBe('Clause');
    expect(found.warnings).toEqual([expect.stringContaining('word/theme.xml')]);
  });

  it('does not keep the next one from being read', async () => {
    expect(textOf(await world.read(words('Clause'), 'a.docx'))).toBe('Clause');
  });

  it('is tried again where the machine is at fault', async () => {
    const file = { path: '/nowhere/at/all', name: 'a.pdf', mimeType: null, sizeBytes: 1 };
    await expect(world.reader.read(file, { signal: new AbortController().signal })).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  });
});

describe('a file with the wrong name', () => {
  it.each([
    ['testPDF.pdf', 'contract.docx', 'pdf'],
    ['tables.docx', 'contract.pdf', 'docx'],
    ['testRTFControls.rtf', 'contract.doc', 'rtf'],
    ['testEXCEL_dateFormats.xlsx', 'contract.txt', 'xlsx'],
  ])('%s called %s is read as what it is, and its owner is told', async (name, wrong, format) => {
    const found = await world.read(await fixture(name), wrong);
    expect(found).toMatchObject({ format, warnings: [expect.stringContaining(wrong.slice(-4).replace(/^[^.]/, ''))] });
  });

  it('is HTML called text', async () => {
    expect(await world.read('<html><body><p>Hello</p></body></html>', 'a.txt')).toMatchObject({
      format: 'html',
      warnings: [expect.stringContaining('HTML')],
    });
  });
});

describe('pages of a PDF without text', () => {
  const pdfOf = async (pages: ('scan' | 'stamped' | 'title' | 'blank' | 'text' | 'letter')[]): Promise<Uint8Array> => {
    const pdf = await PDFDocument.create();
    const font = await pdf.embedFont(StandardFonts.Helvetica);
    const scan = await pdf.embedPng(pngOf(20));
    for (const kind of pages) {
      const page = pdf.addPage([300, 400]);
      if (kind === 'scan' || kind === 'stamped' || kind === 'letter') page.drawImage(scan, { x: 20, y: 20, width: 200, height: 300 });
      if (kind === 'stamped') page.drawText('Project Alpine, page 2', { x: 20, y: 380, size: 8, font });
      if (kind === 'title') page.drawText('Annex 3', { x: 20, y: 200, size: 30, font });
      if (kind === 'text' || kind === 'letter')
        for (let line = 0; line < 20; line += 1) page.drawText(`Line ${line} of the body of a page`, { x: 20, y: 380 - line * 12, size: 8, font });
    }
    return pdf.save();
  };

  it('are drawn for OCR, also those with a stamp; others are taken as they are', async () => {
    const roomy = await createReadingWorld();
    const steps: string[] = [];
    const content = await pdfOf(['text', 'scan', 'title', 'blank', 'letter']);
    const found = await roomy.read(content, 'a.pdf', { onProgress: (_done, _total, step) => steps.push(step) });
    expect(steps.filter((step) => step === 'ocr')).toHaveLength(1);
    await roomy.close();
    expect(found.pages.map(({ state }) => state)).toEqual(['text', 'ocr', 'text', 'empty', 'text']);
    expect(found.blocks.filter(({ page }) => page === 2 || page === 3)).toMatchObject([
      { page: 2, kind: 'text', text: 'Seen: P5' },
      { page: 3, kind: 'heading', text: 'Annex 3' },
    ]);
  });

  it('keep the text that they have where OCR finds less', async () => {
    const found = await world.read(await pdfOf(['stamped']), 'a.pdf');
    expect(found).toMatchObject({ pages: [{ state: 'text' }], blocks: [{ text: 'Project Alpine, page 2' }] });
  });

  it('are left out behind the limit of OCR, and their owner is told', async () => {
    const found = await world.read(await pdfOf(['scan', 'scan', 'scan']), 'a.pdf');
    expect(found.pages.map(({ state }) => state)).toEqual(['ocr', 'ocr', 'empty']);
    expect(found.warnings).toEqual([expect.stringContaining('left out: 1.')]);
  });
});

describe('a PDF of 500 pages', () => {
  it('is read page by page, and says how far it is; an abort ends it at once', { timeout: 30_000 }, async () => {
    const roomy = await createReadingWorld();
    const pdf = await PDFDocument.create();
    const font = await pdf.embedFont(StandardFonts.Helvetica);
    for (let page = 1; page <= 500; page += 1) pdf.addPage([300, 100]).drawText(`This is page ${page}.`, { x: 10, y: 50, size: 10, font });
    const bytes = await pdf.save();
    const seen: number[] = [];
    const found = await roomy.read(bytes, 'long.pdf', { onProgress: (done, total) => seen.push(done / total) });
    expect(found.pages).toHaveLength(500);
    expect(found.blocks[499]).toMatchObject({ page: 500, text: 'This is page 500.' });
    expect(seen).toEqual(Array.from({ length: 500 }, (_, page) => (page + 1) / 500));

    const stop = new AbortController();
    const reason = new Error('Cancelled');
    let last = 0;
    const reading = roomy.read(bytes, 'long.pdf', {
      signal: stop.signal,
      onProgress: (done) => {
        last = done;
        if (done === 3) stop.abort(reason);
      },
    });
    await expect(reading).rejects.toBe(reason);
    await roomy.close();
    expect(last).toBeLessThan(10);
  });
});
