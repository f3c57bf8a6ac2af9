/** What one document may take. What is beyond ends as a `PermanentError` that says what to do, or as a warning where the rest is of use. */
export interface ReadLimits {
  /** Of the file. Default 100 MiB. */
  fileBytes: number;
  /** Pages, slides, sheets. Default 2,000. */
  pages: number;
  /** Of all text, in UTF-16 units. Default 20 million. */
  characters: number;
  /** Pages that OCR reads; what comes after stays `empty`, with a warning. Default 200. */
  ocrPages: number;
  /** What all parts of an archive (docx, pptx, xlsx, odt) that are read take when unpacked. Default 500 MiB. */
  uncompressedBytes: number;
  /** Entries of such an archive. Default 20,000. */
  entries: number;
  /** In milliseconds; waiting for a free thread does not count. Pages that OCR has not begun after three quarters of it stay `empty`. Default 8 minutes. */
  documentMs: number;
  /** For one page of a PDF, in milliseconds, without OCR: a page that takes longer is `failed`, the rest is read. Default 60 s. */
  pageMs: number;
}

const MIB = 2 ** 20;

export const READ_LIMITS: ReadLimits = {
  fileBytes: 100 * MIB,
  pages: 2_000,
  characters: 20_000_000,
  ocrPages: 200,
  uncompressedBytes: 500 * MIB,
  entries: 20_000,
  documentMs: 8 * 60_000,
  pageMs: 60_000,
};
