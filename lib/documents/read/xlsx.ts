/**
 * Workbooks: a sheet is a page, a row a line. Read here and not by officeparser, which gives dates as numbers of days and percentages as fractions, and
 * holds all cells as objects; sheets are read as they unpack.
 */
import { embeddedIn, mainPartOf, relationshipsOf, textsOf, titleOf } from './package.ts';
import type { Writer } from './writer.ts';
import { type CellReader, createCellReader } from './xlsx-cells.ts';
import { readStyles } from './xlsx-styles.ts';
import { scanXml } from './xml.ts';
import type { Archive } from './zip.ts';

interface Workbook {
  sheets: { name: string; part: string; isHidden: boolean }[];
  has1904Dates: boolean;
}

export async function readXlsx(archive: Archive, out: Writer): Promise<void> {
  const main = await mainPartOf(archive, 'xl/workbook.xml');
  const relationships = await relationshipsOf(archive, main);
  const partOf = (type: string): string | undefined => relationships.find((one) => one.type === type && archive.has(one.target))?.target;
  const { sheets, has1904Dates } = await readWorkbook(archive, main, new Map(relationships.map(({ id, target }) => [id, target])));
  await out.total(sheets.length);
  await out.title(await titleOf(archive));
  const embedded = embeddedIn(archive);
  if (embedded) await out.warn(embedded);
  const styles = await readStyles(archive, partOf('styles'));
  const cells = createCellReader({ strings: await readStrings(archive, partOf('sharedStrings')), styles, has1904Dates });
  for (const [at, sheet] of sheets.entries()) {
    if (archive.has(sheet.part)) await readSheet(archive, sheet.part, { cells, page: at + 1, out: headed(out, sheet) });
    await out.page(at + 1);
  }
}

/** With the sheet's name above what stands on it: an empty sheet has none. */
function headed(out: Writer, { name, isHidden }: Workbook['sheets'][number]): Pick<Writer, 'row' | 'text'> {
  let isWritten = false;
  async function head(page: number): Promise<void> {
    if (isWritten) return;
    isWritten = true;
    await out.heading(page, 1, isHidden ? `${name} (hidden sheet)` : name);
  }
  return {
    async row(page, cells) {
      if (cells.length > 0) await head(page);
      await out.row(page, cells);
    },
    async text(page, text) {
      await head(page);
      await out.text(page, text);
    },
  };
}

async function readWorkbook(archive: Archive, main: string, targets: ReadonlyMap<string, string>): Promise<Workbook> {
  const workbook: Workbook = { sheets: [], has1904Dates: false };
  await scanXml(archive.stream(main), {
    open: (name, attribute) => {
      if (name === 'workbookPr') workbook.has1904Dates = /^(?:1|true)$/.test(attribute('date1904') ?? '');
      if (name !== 'sheet') return;
      const part = targets.get(attribute('r:id') ?? '') ?? '';
      workbook.sheets.push({ name: attribute('name') ?? '', part, isHidden: /hidden/i.test(attribute('state') ?? '') });
    },
    close: () => {},
    text: () => {},
  });
  return workbook;
}

/** Texts that cells refer to by number. What stands above Japanese words to be read aloud (rPh) is left out. */
async function readStrings(archive: Archive, part: string | undefined): Promise<string[]> {
  const strings: string[] = [];
  if (!part) return strings;
  let text = '';
  let isText = false;
  let isAloud = false;
  await scanXml(archive.stream(part), {
    open: (name) => {
      if (name === 'si') text = '';
      if (name === 'rPh') isAloud = true;
      isText = name === 't' && !isAloud;
    },
    close: (name) => {
      isText = false;
      if (name === 'rPh') isAloud = false;
      if (name === 'si') strings.push(text);
    },
    text: (said) => {
      if (isText) text += said;
    },
  });
  return strings;
}

interface Sheet {
  cells: CellReader;
  page: number;
  out: Pick<Writer, 'row' | 'text'>;
}

async function readSheet(archive: Archive, part: string, { cells, page, out }: Sheet): Promise<void> {
  const scanner = cells.scanner();
  for await (const piece of archive.stream(part)) {
    for (const row of scanner.rowsOf(piece)) await out.row(page, row);
  }
  for (const { type, target } of await relationshipsOf(archive, part)) {
    if (!archive.has(target)) continue;
    if (type === 'drawing') for (const text of await textsOf(archive, target, 'p')) await out.text(page, text);
    if (type === 'comments') for (const text of await textsOf(archive, target, 'comment')) await out.text(page, `Comment: ${text}`);
  }
}
