/**
 * Threads for what would hold up the event loop. They start with the first task, end when nothing was asked for a while or when a task is
 * aborted, and never keep the process alive.
 */
import type { Transferable } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { createLanes } from './lanes.ts';

export interface ThreadsOptions {
  /** The module that runs in the thread: see `fileBeside`. */
  module: URL;
  /** At a time. Default 1. */
  most?: number;
  /** A thread that had nothing to do for so long ends, in milliseconds. Too short: it is loaded again and again; too long: its memory is held. */
  idleMs: number;
  /** Tasks that wait for a thread; one more is turned away with an `UnavailableError`. Default: no bound. */
  mostWaiting?: number;
  /** That the objects of one thread may take, in MiB; flat arrays are not counted. Default: as Node has it. */
  memoryMb?: number;
}

export interface TaskOptions {
  /** Of the module's exports; the default one when left out. */
  name?: string;
  /** Ends the thread, and the call with its reason. */
  signal?: AbortSignal;
  transfer?: Transferable[];
}

export interface Threads {
  run(task: unknown, options?: TaskOptions): Promise<unknown>;
  /** Ends all threads, and with them what they are at; they start again with the next task. */
  close(): Promise<void>;
}

/** New objects of one thread, in MiB. Node's own 48 are filled before anything is thrown away; our threads live on flat arrays. */
const NEW_OBJECTS_MB = 8;
/** Threads give way to the event loop where the machine is busy. */
const NICE = 5;

export function createThreads({ module, most = 1, idleMs, memoryMb, ...waiting }: ThreadsOptions): Threads {
  let pool: Promise<Piscina> | undefined;
  // piscina's own queue is left standing when the thread that would take the next task is ended by an abort.
  const inLane = createLanes(most, waiting);

  async function open(): Promise<Piscina> {
    const { Piscina: Pool } = await import('piscina');
    const opened = new Pool({
      filename: module.href,
      minThreads: 0,
      maxThreads: most,
      idleTimeout: idleMs,
      niceIncrement: NICE,
      resourceLimits: { maxYoungGenerationSizeMb: NEW_OBJECTS_MB, ...(memoryMb ? { maxOldGenerationSizeMb: memoryMb } : {}) },
      // What the process was started with (watching, files of variables) is not for threads.
      execArgv: [],
      env: {},
    });
    // A thread that dies while it does nothing is no error of anybody's: the next task starts another.
    opened.on('error', () => {});
    return opened;
  }

  return {
    run: (task, { name, signal, transfer = [] } = {}) =>
      inLane(async () => {
        pool ??= open();
        try {
          return await (await pool).run(task, { ...(name ? { name } : {}), ...(signal ? { signal } : {}), transferList: transfer });
        } catch (error) {
          signal?.throwIfAborted();
          throw error;
        }
      }, signal),
    close: async () => {
      const opened = pool;
      pool = undefined;
      await (await opened)?.destroy();
    },
  };
}
