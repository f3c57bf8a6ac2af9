/** The thread of `watchdog.ts`. */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type { WatchdogTask } from './watchdog.ts';

// Whoever starts this thread hands it just that.
const { beats, intervalMs, looks, line }: WatchdogTask = workerData;
const counter = new Int32Array(beats);
const STDERR = 2;
let seen = Atomics.load(counter, 0);
let quiet = 0;

setInterval(() => {
  const now = Atomics.load(counter, 0);
  quiet = now === seen ? quiet + 1 : 0;
  seen = now;
  if (quiet >= looks) end();
}, intervalMs);

function end(): void {
  const message = 'the event loop stands still: the process is killed';
  try {
    writeSync(STDERR, `${JSON.stringify({ level: 'fatal', timestamp: new Date().toISOString(), ...line, message })}\n`);
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
}
