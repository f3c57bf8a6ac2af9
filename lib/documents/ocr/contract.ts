/** The seam between reading a document and recognising the text in its pictures. */

export interface RecognizeOptions {
  signal: AbortSignal;
  /** Of the picture as it was drawn or scanned; without it, what the file says or a guess of Tesseract's. */
  dpi?: number;
}

export interface RecognizedPage {
  /** Empty when nothing was found, and when what was found is not to be trusted. */
  text: string;
  /** The paragraphs of `text` in reading order: joined by a blank line they are `text`. */
  blocks: string[];
  /** 0 to 1; also told when the text is withheld for it. */
  confidence: number;
}

/**
 * Throws `PermanentError`: `document_corrupt` (damaged), `document_unsupported` (no picture, or of another kind), `document_too_large` (too many pixels),
 * `document_timeout`. When aborted, the signal's reason.
 */
export interface Ocr {
  /** One page: a picture as PNG, JPEG, TIFF (of several pages the first), GIF (the first picture), WebP, BMP or PNM. */
  recognize(image: Uint8Array, options: RecognizeOptions): Promise<RecognizedPage>;
  /** The pages of a picture file in order, each for `recognize`: a TIFF may hold several. */
  decodePages(image: Uint8Array): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}
