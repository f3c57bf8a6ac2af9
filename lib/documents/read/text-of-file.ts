/**
 * The text of a file, from a thread that may not come back: it hangs, takes too much memory, or dies. With a PDF the page that it was at is given up, and
 * another thread goes on behind it; any other file cannot be read.
 */
import { MessageChannel } from 'node:worker_threads';
import { HivepulseError, PermanentError, UnavailableError } from '../../errors.ts';
import type { Threads } from '../../threads.ts';
import type { FileToRead, ReadOptions } from '../contract.ts';
import type { Draft } from './draft.ts';
import { corrupt, outOfMemory, timedOut } from './failures.ts';
import type { ReadLimits } from './limits.ts';
import { listen } from './listen.ts';
import type { ReadEnd, ReadTask } from './messages.ts';
import type { OcrPages } from './ocr-pages.ts';
import type { Watch } from './watch.ts';

export interface Deps {
  threads: Threads;
  limits: ReadLimits;
  memoryMb: number;
}

export interface Reading {
  file: FileToRead;
  draft: Draft;
  watch: Watch;
  pages: OcrPages;
  onProgress: ReadOptions['onProgress'] | undefined;
  /** The page that is being read, from 1. */
  next: number;
}

/** Threads, or instances of PDFium, that one document may use up. */
const MOST_LOST = 10;

export async function readText(reading: Reading, deps: Deps): Promise<void> {
  for (let lost = 0; ; lost += 1) {
    const loss = await readOn(reading, deps);
    if (!loss) return;
    if (reading.draft.format !== 'pdf' || reading.draft.total === 0 || lost === MOST_LOST) throw loss;
    reading.draft.failed(reading.next);
    reading.next += 1;
    if (reading.next > reading.draft.total) return;
  }
}

/** What has to be said of the file, if one thread did not get to its end. Throws what ends the reading. */
async function readOn(reading: Reading, { threads, limits, memoryMb }: Deps): Promise<PermanentError | undefined> {
  const { port1: mine, port2: theirs } = new MessageChannel();
  const listening = listen(mine, reading, limits.pageMs);
  const { path, name } = reading.file;
  const task: ReadTask = { path, name, from: reading.next, limits, memoryMb, port: theirs };
  try {
    const signal = AbortSignal.any([reading.watch.signal, listening.signal]);
    // Answered by `thread.ts`.
    return lossOf((await threads.run(task, { signal, transfer: [theirs] })) as ReadEnd);
  } catch (error) {
    if (listening.isSilent()) return timedOut(limits.pageMs);
    if (error instanceof HivepulseError || reading.watch.signal.aborted || !listening.hasOpened()) throw error;
    return isOutOfMemory(error) ? outOfMemory(memoryMb, error) : corrupt('it broke the program that reads it', error);
  } finally {
    listening.end();
  }
}

function lossOf({ failure, crashed, fault }: ReadEnd): PermanentError | undefined {
  if (failure) throw new PermanentError(failure.message, { code: failure.code });
  if (fault) throw new UnavailableError(`The file cannot be opened: ${fault}`);
  return crashed === undefined ? undefined : corrupt('it broke the program that reads it', crashed);
}

const isOutOfMemory = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
