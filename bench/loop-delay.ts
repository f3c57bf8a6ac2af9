/** Loaded into a worker by `bench/analysis-loop.ts`: SIGUSR2 prints how late the event loop has been since the last time, in milliseconds. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 5;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();

process.on('SIGUSR2', () => {
  // A timer that is on time is counted as its own resolution.
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  console.log(
    JSON.stringify({ message: 'event loop delay', p50: late(delay.percentile(50)), p99: late(delay.percentile(99)), max: late(delay.max) }),
  );
  delay.reset();
});
