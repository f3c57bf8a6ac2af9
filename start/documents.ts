import type { DocumentReader } from '../lib/documents/contract.ts';
import { createOcr } from '../lib/documents/ocr/ocr.ts';
import { createReader } from '../lib/documents/read/index.ts';

/** What documents of this process are read with. Threads start, and parsers are loaded, with the first document. */
export function createDocumentReader(): DocumentReader {
  const ocr = createOcr();
  const reader = createReader({ ocr });
  return {
    ...reader,
    close: async () => {
      await reader.close();
      await ocr.close();
    },
  };
}
