/**
 * The numeric part of an analysis runs here, in threads that a parent can end: the event loop stays free, so that locks are renewed and a cancel is heard.
 */
import { availableParallelism } from 'node:os';
import { MessageChannel } from 'node:worker_threads';
import { PermanentError } from '../errors.ts';
import { fileBeside } from '../files.ts';
import { createThreads } from '../threads.ts';
import type { Tasks } from './thread.ts';

export interface Compute {
  /** Runs one task of `thread.ts` in a thread. Rejects with the signal's reason, and ends the thread, when `signal` aborts. */
  run<N extends keyof Tasks>(name: N, input: Parameters<Tasks[N]>[0], options: ComputeOptions): Promise<ReturnType<Tasks[N]>>;
  /** Ends all threads. */
  close(): Promise<void>;
}

export interface ComputeOptions {
  signal: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

export interface PoolOptions {
  /** Default: as many as there are processors, 4 at most. */
  threads?: number;
  /** Memory that the objects of one thread may take, in MiB (flat arrays are not counted). Too low: large analyses fail, saying so. Default 1,024. */
  memoryMb?: number;
}

const MOST_THREADS = 4;
const IDLE_MS = 30_000;

export function createCompute({ threads: most = Math.min(MOST_THREADS, availableParallelism()), memoryMb = 1_024 }: PoolOptions = {}): Compute {
  const threads = createThreads({ module: fileBeside(import.meta.url, './thread.ts'), most, idleMs: IDLE_MS, memoryMb });
  return {
    async run(name, input, { signal, onProgress }) {
      const { port1: mine, port2: theirs } = new MessageChannel();
      mine.on('message', ([done, total]: [number, number]) => onProgress?.(done, total));
      mine.unref();
      try {
        // Answered by the function of that name.
        return (await threads.run({ input, port: theirs }, { name, signal, transfer: [theirs] })) as never;
      } catch (error) {
        throw isOutOfMemory(error) ? outOfMemory(memoryMb, error) : error;
      } finally {
        mine.close();
        theirs.close();
      }
    },
    close: threads.close,
  };
}

const isOutOfMemory = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';

function outOfMemory(memoryMb: number, cause: unknown): PermanentError {
  const message = `The analysis needs more than ${memoryMb} MiB in one thread: set ANALYSIS_SAMPLE_LIMIT lower`;
  return new PermanentError(message, { code: 'analysis_memory', details: { memoryMb }, cause });
}
