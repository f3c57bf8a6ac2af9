/** PDF, page by page: its text, or, where it has hardly any, a picture of the page for OCR. */
import { tooManyPages } from './failures.ts';
import { createPdfLayout, type PdfLayout } from './pdf-layout.ts';
import { type Line, openPdf, type Pdf, type PdfPage } from './pdfium.ts';
import { unknownIn } from './text.ts';
import type { Writer } from './writer.ts';

/**
 * A scanned page may have a stamp of the data room or a fax header as text: "Confidential – Project Alpine – page 12 of 240, downloaded by …". That is
 * less than 100 letters; a page of running text has some 2,000. Pages with less and without anything drawn (a title, "Annex 3") are taken as they are.
 */
const HARDLY_ANY = 100;
/** A4 at some 240 dpi. Tesseract gains little from more, and takes longer. */
const MOST_PIXELS = 5_500_000;
/** Of the letters that cannot be told: fonts without a table of their characters. */
const MOST_UNKNOWN = 0.3;

export interface PdfOptions {
  from: number;
  mostPages: number;
}

/** Throws `WebAssembly.RuntimeError` when a page has broken PDFium: what comes after can be read by a new one. */
export async function readPdf(bytes: Uint8Array, out: Writer, { from, mostPages }: PdfOptions): Promise<void> {
  const pdf = await openPdf(bytes);
  if (pdf.pages > mostPages) throw tooManyPages(pdf.pages, mostPages);
  await out.total(pdf.pages);
  await out.title(pdf.title());
  const layout = createPdfLayout(pdf.bookmarks());
  for (let page = from; page <= pdf.pages; page += 1) await readPage(pdf, page, layout, out);
}

async function readPage(pdf: Pdf, number: number, layout: PdfLayout, out: Writer): Promise<void> {
  const found = tried(() => pdf.withPage(number, look));
  if (!found) return out.page(number, { failed: true });
  for (const { level, text } of layout(number, found.lines)) {
    await (level > 0 ? out.heading(number, level, text) : out.text(number, text));
  }
  await out.page(number, found.picture ? { picture: found.picture } : {});
}

/** Undefined where the page is broken and PDFium is not. */
function tried<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) throw error;
    return undefined;
  }
}

interface Found {
  lines: Line[];
  picture?: { image: Uint8Array; dpi: number };
}

function look(page: PdfPage): Found {
  const lines = page.lines();
  if (!isHardlyAny(lines) || !page.hasPictures()) return { lines };
  const { width, height, pixels, dpi } = page.draw(MOST_PIXELS);
  // Nothing is to be read on a blank page.
  return isBlank(pixels) ? { lines } : { lines, picture: { image: pgm(width, height, pixels), dpi } };
}

function isHardlyAny(lines: readonly Line[]): boolean {
  const letters = lines.map(({ text }) => text.replace(/\s+/g, '')).join('');
  return letters.length < HARDLY_ANY || unknownIn(letters) > letters.length * MOST_UNKNOWN;
}

const LIGHT = 200;
function isBlank(pixels: Uint8Array): boolean {
  return pixels.every((shade) => shade > LIGHT);
}

/** Portable graymap, the simplest picture there is. */
function pgm(width: number, height: number, pixels: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(`P5\n${width} ${height}\n255\n`);
  const image = new Uint8Array(head.length + pixels.length);
  image.set(head);
  image.set(pixels, head.length);
  return image;
}
