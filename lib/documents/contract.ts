/** The seams between reading a document, cutting it up and what is made of it. */

export const DOCUMENT_FORMATS = ['pdf', 'docx', 'pptx', 'xlsx', 'rtf', 'odt', 'html', 'txt', 'csv', 'eml', 'image'] as const;
export type DocumentFormat = (typeof DOCUMENT_FORMATS)[number];

/** A page of a PDF or picture, a slide, a sheet; other formats have one. */
export interface ReadPage {
  /** From 1. */
  page: number;
  /** `ocr`: it had no text of its own. `empty`: nothing to read there. `failed`: the page cannot be read, the others can. */
  state: 'text' | 'ocr' | 'empty' | 'failed';
  characters: number;
  /** Of OCR, 0 to 1. */
  confidence?: number;
}

/** In reading order. Tables: a row per line, cells divided by ` | `. */
export interface ReadBlock {
  page: number;
  kind: 'heading' | 'text' | 'table';
  /** Of a heading, 1 the outermost. */
  level?: number;
  text: string;
}

export interface ReadDocument {
  format: DocumentFormat;
  title: string | null;
  pages: ReadPage[];
  blocks: ReadBlock[];
  /** What a person should know: mislabelled as something else, text left out, pages that failed. */
  warnings: string[];
}

/** A file in this machine's temporary folder. */
export interface FileToRead {
  path: string;
  /** The sender's name for it, with its ending. */
  name: string;
  mimeType: string | null;
  sizeBytes: number;
}

export interface ReadOptions {
  signal: AbortSignal;
  onProgress?: (done: number, total: number, step: 'reading' | 'ocr') => void;
}

/**
 * Reads files in threads of their own. Throws `PermanentError` with one of `READ_ERRORS` as its code and a message for the file's owner;
 * a signal ends the thread.
 */
export interface DocumentReader {
  /** Grows when the same file would be read otherwise. */
  readonly version: string;
  read(file: FileToRead, options: ReadOptions): Promise<ReadDocument>;
  close(): Promise<void>;
}

export const READ_ERRORS = [
  'document_empty',
  'document_encrypted',
  'document_corrupt',
  'document_unsupported',
  'document_too_large',
  'document_too_many_pages',
  'document_bomb',
  'document_no_text',
  'document_timeout',
  'document_memory',
] as const;
export type ReadError = (typeof READ_ERRORS)[number];

/** A part of the text. Chunks follow each other without overlap: joined by a blank line they are the document. */
export interface Chunk {
  text: string;
  kind: 'text' | 'table';
  /** The headings it stands below, outermost first. */
  section: string[];
  /** Where pages begin in `text`, in UTF-16 units; the first starts at 0. */
  spans: { page: number; start: number }[];
  /** Estimated. */
  tokens: number;
}
