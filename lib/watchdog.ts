import inspector from 'node:inspector';
import { Worker } from 'node:worker_threads';
import { fileBeside } from './files.ts';
import type { Service } from './lifecycle.ts';
import type { Logger } from './log.ts';

export interface WatchdogOptions {
  /** For so long the event loop may stand still, in ms. Too short: a long pause of the garbage collector ends the process; 0 = not watched. */
  afterMs: number;
  log: Logger;
}

/** What the thread gets. */
export interface WatchdogTask {
  /** One number, which the event loop counts up. */
  beats: SharedArrayBuffer;
  /** How often the thread looks. */
  intervalMs: number;
  /** After so many looks without a beat the process is ended. */
  looks: number;
  /** Of the log line that it leaves, besides level, time and message. */
  line: Record<string, unknown>;
}

const LONGEST_INTERVAL_MS = 5_000;
const LOOKS = 10;

/**
 * A process whose event loop stands still answers no probe and no signal, and cannot end itself: a thread does it, with SIGKILL, after a line on
 * standard error. The thread counts its own looks: a machine that slept or a process that was stopped as a whole has both stand still.
 */
export function createWatchdog({ afterMs, log }: WatchdogOptions): Service {
  const intervalMs = Math.min(LONGEST_INTERVAL_MS, afterMs / LOOKS);
  const beats = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const counter = new Int32Array(beats);
  let thread: Worker | undefined;
  let heartbeat: NodeJS.Timeout | undefined;

  async function start(): Promise<void> {
    // A debugger stops the loop for as long as somebody thinks.
    if (afterMs === 0 || inspector.url() !== undefined) return;
    heartbeat = setInterval(() => Atomics.add(counter, 0, 1), intervalMs / 2).unref();
    const line = { ...log.bindings(), event: 'process.frozen', silentAfterMs: afterMs };
    const task: WatchdogTask = { beats, intervalMs, looks: Math.ceil(afterMs / intervalMs), line };
    thread = new Worker(fileBeside(import.meta.url, './watchdog-thread.ts'), { workerData: task, execArgv: [], env: {}, resourceLimits: SMALL });
    thread.on('error', (error) => log.warn({ event: 'watchdog.ended', error: error.message }, 'nobody watches the event loop any more'));
    thread.unref();
  }

  async function stop(): Promise<void> {
    clearInterval(heartbeat);
    await thread?.terminate();
    thread = undefined;
  }

  return { name: 'watchdog', start, stop };
}

/** In MiB: it has nothing but a timer. */
const SMALL = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 };
