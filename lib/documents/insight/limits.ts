/** Estimated tokens of a part: a document that fits into one is asked about in one call. Chunks are never split. */
export const PART_TOKENS = 12_000;
/** Parts of one document that are asked about at a time. */
export const PARTS_AT_ONCE = 4;
/** How soon a job looks again whether its document has been read. */
export const READ_AGAIN_MS = 5_000;
/** Characters of a name or title that a model is told. */
export const LONGEST_NAME = 300;
