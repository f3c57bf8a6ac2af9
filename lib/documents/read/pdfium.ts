/** The functions of PDFium (compiled to WebAssembly) that reading takes, as closures over one document. Source: fpdf_text.h, fpdf_doc.h, fpdfview.h. */
import { PDFiumModule } from '@hyzyla/pdfium';
import { corrupt, encrypted, unsupported } from './failures.ts';

/** A line as it stands on the page, in points from the lower left corner. */
export interface Line {
  text: string;
  top: number;
  bottom: number;
}

export interface Bookmark {
  title: string;
  /** 1 the outermost. */
  level: number;
  /** From 1; 0 where it leads nowhere. */
  page: number;
}

export interface PdfPage {
  lines(): Line[];
  /** Whether anything stands on it besides text. */
  hasPictures(): boolean;
  /** Shades of grey, a byte each, in rows from the top. */
  draw(mostPixels: number): { width: number; height: number; pixels: Uint8Array; dpi: number };
}

export interface Pdf {
  pages: number;
  title(): string;
  bookmarks(): Bookmark[];
  /** `number`: from 1. The page is closed when `work` has ended. */
  withPage<T>(number: number, work: (page: PdfPage) => T): T;
}

type Call = (...numbers: number[]) => number;

/** The package's types list only what its own wrapper calls; the module exports all of PDFium. */
interface Exports {
  HEAPU8: Uint8Array;
  _FPDF_InitLibraryWithConfig(config: object): void;
  _malloc: Call;
  _free: Call;
  _FPDF_LoadMemDocument: Call;
  _FPDF_GetLastError: Call;
  _FPDF_GetPageCount: Call;
  _FPDF_GetMetaText: Call;
  _FPDFBookmark_GetFirstChild: Call;
  _FPDFBookmark_GetNextSibling: Call;
  _FPDFBookmark_GetTitle: Call;
  _FPDFBookmark_GetDest: Call;
  _FPDFDest_GetDestPageIndex: Call;
  _FPDF_LoadPage: Call;
  _FPDF_ClosePage: Call;
  _FPDF_GetPageWidth: Call;
  _FPDF_GetPageHeight: Call;
  _FPDFPage_CountObjects: Call;
  _FPDFPage_GetObject: Call;
  _FPDFPageObj_GetType: Call;
  _FPDFText_LoadPage: Call;
  _FPDFText_ClosePage: Call;
  _FPDFText_CountChars: Call;
  _FPDFText_GetText: Call;
  _FPDFText_GetLooseCharBox: Call;
  _FPDFBitmap_CreateEx: Call;
  _FPDFBitmap_FillRect: Call;
  _FPDFBitmap_Destroy: Call;
  _FPDF_RenderPageBitmap: Call;
}

const ERROR_PASSWORD = 4;
const ERROR_SECURITY = 5;
const OBJECT_TEXT = 1;
const MOST_OBJECTS = 1_000;
const MOST_BOOKMARKS = 5_000;
const DEEPEST_BOOKMARK = 6;
const GRAY = 1;
const WHITE = 0xffffffff;
/** With annotations, in shades of grey. */
const DRAW_FLAGS = 0x01 | 0x08;
const POINTS_PER_INCH = 72;
/** What Tesseract's makers ask for. */
const MOST_DPI = 300;

/**
 * Opens a document in an instance of its own: a page that breaks it breaks no other document. Throws `document_encrypted`, `document_corrupt`. What throws
 * a `WebAssembly.RuntimeError` has broken the instance.
 */
export async function openPdf(bytes: Uint8Array): Promise<Pdf> {
  const instance: unknown = await PDFiumModule({});
  // See `Exports`.
  const pdfium = instance as Exports;
  pdfium._FPDF_InitLibraryWithConfig({ version: 2, m_pIsolate: null, m_pUserFontPaths: null, m_v8EmbedderSlot: 0, m_pPlatform: null });
  const place = pdfium._malloc(bytes.length);
  if (!place) throw new RangeError('Array buffer allocation failed');
  pdfium.HEAPU8.set(bytes, place);
  const document = pdfium._FPDF_LoadMemDocument(place, bytes.length, 0);
  if (!document) throw loadFailure(pdfium._FPDF_GetLastError());
  return {
    pages: pdfium._FPDF_GetPageCount(document),
    title: () => readString(pdfium, (buffer, size) => withName(pdfium, 'Title', (name) => pdfium._FPDF_GetMetaText(document, name, buffer, size))),
    bookmarks: () => readBookmarks(pdfium, document),
    withPage: (number, work) => withPage(pdfium, document, number, work),
  };
}

function loadFailure(error: number): Error {
  if (error === ERROR_PASSWORD) return encrypted();
  if (error === ERROR_SECURITY)
    return unsupported('a PDF with a protection that is not known', 'remove the protection, or print it to a new PDF, and upload that');
  return corrupt('it is no whole PDF');
}

function withMemory<T>(pdfium: Exports, size: number, work: (place: number) => T): T {
  const place = pdfium._malloc(size);
  if (!place) throw new WebAssembly.RuntimeError('out of memory');
  try {
    return work(place);
  } finally {
    pdfium._free(place);
  }
}

const withName = (pdfium: Exports, name: string, work: (place: number) => number): number =>
  withMemory(pdfium, name.length + 1, (place) => {
    pdfium.HEAPU8.set(Buffer.from(`${name}\0`, 'latin1'), place);
    return work(place);
  });

const utf16 = (pdfium: Exports, place: number, bytes: number): string =>
  new TextDecoder('utf-16le').decode(pdfium.HEAPU8.subarray(place, place + bytes)).replace(/\0+$/, '');

/** Functions that say how many bytes they need, and fill a buffer that is large enough. */
function readString(pdfium: Exports, call: (buffer: number, size: number) => number): string {
  const size = call(0, 0);
  if (size <= 2 || size > 2 ** 16) return '';
  return withMemory(pdfium, size, (buffer) => utf16(pdfium, buffer, call(buffer, size)));
}

function readBookmarks(pdfium: Exports, document: number): Bookmark[] {
  const found: Bookmark[] = [];
  const walk = (parent: number, level: number): void => {
    let bookmark = pdfium._FPDFBookmark_GetFirstChild(document, parent);
    for (; bookmark && found.length < MOST_BOOKMARKS; bookmark = pdfium._FPDFBookmark_GetNextSibling(document, bookmark)) {
      const at = bookmark;
      const title = readString(pdfium, (buffer, size) => pdfium._FPDFBookmark_GetTitle(at, buffer, size));
      const destination = pdfium._FPDFBookmark_GetDest(document, at);
      found.push({ title, level, page: destination ? pdfium._FPDFDest_GetDestPageIndex(document, destination) + 1 : 0 });
      if (level < DEEPEST_BOOKMARK) walk(at, level + 1);
    }
  };
  walk(0, 1);
  return found;
}

function withPage<T>(pdfium: Exports, document: number, number: number, work: (page: PdfPage) => T): T {
  const page = pdfium._FPDF_LoadPage(document, number - 1);
  if (!page) throw new Error(`Page ${number} does not load`);
  try {
    return work({
      lines: () => readLines(pdfium, page),
      hasPictures: () => hasPictures(pdfium, page),
      draw: (mostPixels) => draw(pdfium, page, mostPixels),
    });
  } finally {
    pdfium._FPDF_ClosePage(page);
  }
}

function readLines(pdfium: Exports, page: number): Line[] {
  const text = pdfium._FPDFText_LoadPage(page);
  if (!text) throw new Error('The text of the page does not load');
  try {
    const count = pdfium._FPDFText_CountChars(text);
    return count > 0 ? withMemory(pdfium, (count + 1) * 2, (buffer) => linesOf(pdfium, text, count, buffer)) : [];
  } finally {
    pdfium._FPDFText_ClosePage(text);
  }
}

function linesOf(pdfium: Exports, textPage: number, count: number, buffer: number): Line[] {
  const written = pdfium._FPDFText_GetText(textPage, 0, count, buffer);
  const text = utf16(pdfium, buffer, Math.max(0, written - 1) * 2);
  return withMemory(pdfium, 16, (box) => {
    let at = 0;
    return text.split('\n').map((line) => {
      const first = at + Math.max(0, line.search(/\S/));
      at += line.length + 1;
      return { text: line.replace(/\r$/, ''), ...boxOf(pdfium, textPage, first, box) };
    });
  });
}

/** FS_RECTF: left, top, right, bottom. */
function boxOf(pdfium: Exports, textPage: number, index: number, box: number): { top: number; bottom: number } {
  if (!pdfium._FPDFText_GetLooseCharBox(textPage, index, box)) return { top: 0, bottom: 0 };
  const [, top = 0, , bottom = 0] = new Float32Array(pdfium.HEAPU8.slice(box, box + 16).buffer);
  return { top, bottom };
}

function hasPictures(pdfium: Exports, page: number): boolean {
  const count = Math.min(MOST_OBJECTS, pdfium._FPDFPage_CountObjects(page));
  for (let at = 0; at < count; at += 1) {
    if (pdfium._FPDFPageObj_GetType(pdfium._FPDFPage_GetObject(page, at)) !== OBJECT_TEXT) return true;
  }
  return false;
}

function draw(pdfium: Exports, page: number, mostPixels: number): ReturnType<PdfPage['draw']> {
  const [width, height] = [pdfium._FPDF_GetPageWidth(page), pdfium._FPDF_GetPageHeight(page)];
  if (!(width > 0 && height > 0)) throw new Error('The page has no size');
  const scale = Math.min(MOST_DPI / POINTS_PER_INCH, Math.sqrt(mostPixels / (width * height)));
  const size = { width: Math.max(1, Math.floor(width * scale)), height: Math.max(1, Math.floor(height * scale)) };
  const pixels = withMemory(pdfium, size.width * size.height, (place) => drawTo(pdfium, page, size, place));
  return { ...size, pixels, dpi: Math.round(scale * POINTS_PER_INCH) };
}

function drawTo(pdfium: Exports, page: number, { width, height }: { width: number; height: number }, place: number): Uint8Array {
  const bitmap = pdfium._FPDFBitmap_CreateEx(width, height, GRAY, place, width);
  if (!bitmap) throw new Error('The page does not fit into memory');
  try {
    pdfium._FPDFBitmap_FillRect(bitmap, 0, 0, width, height, WHITE);
    pdfium._FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, DRAW_FLAGS);
    return pdfium.HEAPU8.slice(place, place + width * height);
  } finally {
    pdfium._FPDFBitmap_Destroy(bitmap);
  }
}
