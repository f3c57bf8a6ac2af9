/** Reads a file: its text in a thread that is watched (`text-of-file.ts`), pages without text by OCR (`ocr-pages.ts`). Whatever a file does, the process lives on. */
import { readFile } from 'node:fs/promises';
import { fileBeside } from '../../files.ts';
import { createThreads } from '../../threads.ts';
import type { DocumentReader, FileToRead, ReadDocument, ReadOptions } from '../contract.ts';
import type { Ocr } from '../ocr/contract.ts';
import { createDraft } from './draft.ts';
import { READ_LIMITS, type ReadLimits } from './limits.ts';
import { createOcrPages } from './ocr-pages.ts';
import { readText, type Deps as TextDeps } from './text-of-file.ts';
import { createWatch } from './watch.ts';

/** Raise it when the same file would be read otherwise: documents are then read anew when they are asked for. */
const VERSION = '1';

export interface ReaderOptions {
  ocr: Ocr;
  /** Files at a time. Default 2. */
  threads?: number;
  /** That the objects of one thread may take, and WebAssembly once more, in MiB. Too low: large Office files fail, saying so. Default 512. */
  memoryMb?: number;
  limits?: Partial<ReadLimits>;
  /** What runs in the threads; for tests of what they survive. */
  module?: URL;
}

const IDLE_MS = 30_000;

export function createReader({ ocr, threads: most = 2, memoryMb = 512, limits: given = {}, module }: ReaderOptions): DocumentReader {
  const limits = { ...READ_LIMITS, ...given };
  const threads = createThreads({ module: module ?? fileBeside(import.meta.url, './thread.ts'), most, idleMs: IDLE_MS, memoryMb });
  const deps: Deps = { threads, ocr, limits, memoryMb };
  return {
    version: VERSION,
    read: (file, options) => read(file, options, deps),
    close: threads.close,
  };
}

interface Deps extends TextDeps {
  ocr: Ocr;
}

async function read(file: FileToRead, options: ReadOptions, deps: Deps): Promise<ReadDocument> {
  const draft = createDraft(deps.limits);
  const watch = createWatch(options.signal, deps.limits.documentMs);
  const pages = createOcrPages({ ocr: deps.ocr, draft, watch, limits: deps.limits, onProgress: options.onProgress });
  try {
    await readText({ file, draft, watch, pages, onProgress: options.onProgress, next: 1 }, deps);
    if (draft.format === 'image') await pages.readPicture(await readFile(file.path));
    await pages.finished();
    return draft.finish();
  } catch (error) {
    watch.signal.throwIfAborted();
    throw error;
  } finally {
    watch.stop();
  }
}
