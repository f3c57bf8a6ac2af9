import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DocumentFormat } from '../../../lib/documents/contract.ts';
import { packArchive } from '../../../lib/documents/read/zip-directory.ts';
import { createReadingWorld, fixture, pngOf, type ReadingWorld, textOf } from './support.ts';

let world: ReadingWorld;
beforeAll(async () => {
  world = await createReadingWorld();
});
afterAll(() => world.close());

const readFixture = async (name: string) => world.read(await fixture(name), name);

describe('a file that is read', () => {
  const files: [name: string, format: DocumentFormat, pages: number, text: string][] = [
    ['testPDF.pdf', 'pdf', 1, 'March 22nd, 2007: Apache Tika project started'],
    ['testPDF_bookmarks.pdf', 'pdf', 2, 'This is a page about Denmark'],
    ['testOptionalHyphen.pdf', 'pdf', 1, 'optionalhyphen'],
    ['tables.docx', 'docx', 1, 'Above\n\nTop left | Top right\nBottom left | Bottom right\n\nBelow'],
    ['footnotes.docx', 'docx', 1, '1. A tachyon walks into a bar.'],
    ['testWORD_features.docx', 'docx', 1, 'This is another comment'],
    ['testAltChunkHTML.docx', 'docx', 1, 'Col 1 | Col 2\nROW 1 | ROW 1'],
    ['testWORD_phonetic.docx', 'docx', 1, '東京'],
    ['testPPT_diagramData.pptx', 'pptx', 1, 'President\nVP – HR\nManager 1'],
    ['testPPT_autodate.pptx', 'pptx', 1, 'Notes: '],
    ['testPPTX_overlappingRelations.pptx', 'pptx', 4, 'POI can read this too'],
    ['testEXCEL_dateFormats.xlsx', 'xlsx', 1, 'date\n2018-09-20\n1996-08-10'],
    ['testEXCEL-formats.xlsx', 'xlsx', 1, 'Percentage (0.025) | 2.5%'],
    ['testEXCEL.strict.xlsx', 'xlsx', 3, 'cb=1 | cb=10 | cb=2 | cb=sum\n1 | 10 | 2 | 13'],
    ['testEXCEL_textbox.xlsx', 'xlsx', 3, 'this is some autoshape text'],
    ['testComment.xlsx', 'xlsx', 1, 'Comment: Author:\nHere is a comment'],
    ['testRTFWordPadCzechCharacters.rtf', 'rtf', 1, 'Článek týdne'],
    ['testRTFJapanese.rtf', 'rtf', 1, 'ゾルゲと尾崎、淡々と最期'],
    ['testRTFControls.rtf', 'rtf', 1, 'Thiswordhasanem—dash'],
    ['testRTFUnicodeUCNControlWordCharacterDoubling.rtf', 'rtf', 1, '年 abc 念'],
    ['testRTFInvalidUnicode.rtf', 'rtf', 1, 'Unpaired hi \ufffd here'],
    ['testRTFBoldPlain.rtf', 'rtf', 1, 'Header: Animal Hospital'],
    ['testComment.rtf', 'rtf', 1, 'Comment: Here is a comment'],
  ];
  it.each(files)('%s', async (name, format, pages, text) => {
    const found = await readFixture(name);
    expect(found).toMatchObject({ format, warnings: [] });
    expect(found.pages).toHaveLength(pages);
    expect(textOf(found)).toContain(text);
    const characters = found.blocks.reduce((sum, block) => sum + block.text.length, 0);
    expect(found.pages.reduce((sum, page) => sum + page.characters, 0)).toBe(characters);
  });

  it('has headings, tables and the page that each stands on', async () => {
    expect((await readFixture('testPDF.pdf')).blocks).toContainEqual({ page: 1, kind: 'heading', level: 1, text: 'Latest News' });
    expect((await readFixture('tables.docx')).blocks[1]).toMatchObject({ page: 1, kind: 'table' });
    expect((await readFixture('testEXCEL.strict.xlsx')).blocks).toContainEqual({ page: 2, kind: 'heading', level: 1, text: 'Sheet Number 2' });
    expect((await readFixture('testPPTX_overlappingRelations.pptx')).blocks.at(-1)).toMatchObject({ page: 4, text: 'POI can read this too' });
  });

  it('keeps the title that its program gave it', async () => {
    expect((await readFixture('testPDF.pdf')).title).toBe('Apache Tika - Apache Tika');
    expect((await readFixture('testEXCEL.strict.xlsx')).title).toBe('Sample Spreadsheet');
    expect((await readFixture('tables.docx')).title).toBeNull();
  });

  it('is an OpenDocument text, with headings, lists and tables', async () => {
    const body =
      '<text:h text:outline-level="2">Term</text:h><text:p>This lease runs for ten years.</text:p><table:table><table:table-row><table:table-cell><text:p>Rent</text:p></table:table-cell><table:table-cell><text:p>1,000</text:p></table:table-cell></table:table-row></table:table>';
    const content = `<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:text>${body}</office:text></office:body></office:document-content>`;
    const parts = { mimetype: 'application/vnd.oasis.opendocument.text', 'content.xml': content };
    const file = packArchive(Object.entries(parts).map(([name, text]) => ({ name, bytes: Buffer.from(text) })));
    expect(await world.read(file, 'lease.odt')).toMatchObject({
      format: 'odt',
      blocks: [
        { kind: 'heading', level: 2, text: 'Term' },
        { kind: 'text', text: 'This lease runs for ten years.' },
        { kind: 'table', text: 'Rent | 1,000' },
      ],
    });
  });

  it('is HTML: scripts and hidden text are left out, a table for the looks is none', async () => {
    const html =
      '<!doctype html><title>Our &amp; terms</title><script>x()</script><h2>Fees<br>due</h2><p hidden>ignore me</p><table><tr><td><p>One</p><p>column</p></td></tr></table><table><tr><th>A</th><th>B<br>C</th></tr></table>';
    expect(await world.read(html, 'terms.html')).toMatchObject({
      format: 'html',
      title: 'Our & terms',
      blocks: [
        { kind: 'heading', level: 2, text: 'Fees due' },
        { kind: 'text', text: 'One' },
        { kind: 'text', text: 'column' },
        { kind: 'table', text: 'A | B C' },
      ],
    });
  });

  it('is an e-mail: its head, its text, and the names of what hangs on it', async () => {
    const mail = [
      'From: =?utf-8?q?Zo=C3=AB?= <zoe@example.com>',
      'To: Board <board@example.com>',
      'Date: Mon, 2 Nov 2026 09:00:00 +0000',
      'Subject: Consent',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      'Content-Type: text/html',
      '',
      '<p>We <b>refuse</b>.</p>',
      '--b',
      'Content-Type: application/pdf; name="side letter.pdf"',
      'Content-Disposition: attachment; filename="side letter.pdf"',
      '',
      'x',
      '--b--',
    ].join('\r\n');
    const found = await world.read(mail, 'mail.eml');
    expect(found).toMatchObject({ format: 'eml', title: 'Consent' });
    expect(textOf(found)).toBe(
      'From: Zoë <zoe@example.com>\nTo: Board <board@example.com>\nDate: 2026-11-02T09:00:00.000Z\nSubject: Consent\n\nWe refuse.',
    );
    expect(found.warnings).toEqual([expect.stringContaining('side letter.pdf')]);
  });

  it.each([
    ['with a mark', Buffer.from('\ufeffa;b\r\nÄ;1\r\n', 'utf16le')],
    ['of western Windows', Buffer.from('a;b\r\n\xc4;1\r\n', 'latin1')],
    ['without a mark', Buffer.from('a;b\r\nÄ;1\r\n')],
  ])('is a table of values in a charset %s', async (_which, bytes) => {
    expect(await world.read(bytes, 'values.csv')).toMatchObject({ format: 'csv', blocks: [{ kind: 'table', text: 'a | b\nÄ | 1' }] });
  });

  it('is a table by its rows, whatever it is called, and text where they do not agree', async () => {
    const rows = Array.from({ length: 5 }, (_, row) => `${row},"one, two",three`).join('\n');
    expect((await world.read(rows, 'data.txt')).format).toBe('csv');
    expect((await world.read('Dear Anna, dear Bob,\nwe agree.\n\nSecond paragraph\u00ad.\f', 'note.txt')).blocks).toMatchObject([
      { kind: 'text', text: 'Dear Anna, dear Bob,\nwe agree.' },
      { kind: 'text', text: 'Second paragraph.' },
    ]);
  });

  it('is a picture, whose pages are all given to OCR', async () => {
    const found = await world.read(pngOf(8), 'scan.png');
    expect(found).toMatchObject({ format: 'image', blocks: [{ page: 1 }, { page: 2 }] });
    expect(found.pages).toMatchObject([{ state: 'ocr', confidence: 0.9 }, { state: 'ocr' }]);
  });
});
