import { type ImportOptions, type ImportReport, importCsv } from '../../lib/conversations/import.ts';
import type { NewAnswer } from '../../lib/db/conversation-types.ts';

/** A file in pieces of `size` bytes, as a network hands it over. */
export async function* inChunks(content: string | Buffer, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What an import reports, and what it would have stored. */
export async function imported(
  content: string | Buffer,
  options: ImportOptions = {},
  chunkSize?: number,
): Promise<ImportReport & { answers: NewAnswer[] }> {
  const answers: NewAnswer[] = [];
  const report = await importCsv(inChunks(content, chunkSize), options, async (batch) => {
    answers.push(...batch);
    return { added: batch.length, skipped: 0 };
  });
  return { ...report, answers };
}

export const textsOf = (answers: readonly NewAnswer[]): string[] => answers.map(({ text }) => text);
