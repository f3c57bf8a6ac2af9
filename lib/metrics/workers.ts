import type { Clock } from '../clock.ts';
import type { QueuePulse } from '../queue/pulse.ts';
import type { Kit } from './kit.ts';
import type { Source } from './source.ts';

/** The same in every process: take the `min`. */
export function readWorkers(kit: Kit, lastPoll: Source<number | undefined>, clock: Pick<Clock, 'now'>): void {
  kit.reading(lastPoll, 'hivepulse_workers_last_seen_seconds', 'Since any worker gave a sign of life; absent where none ever has.', [], (at) =>
    at === undefined ? [] : [[{}, Math.max(0, clock.now() - at) / 1_000]],
  );
}

/** Of the worker in this process. */
export function readPulse(kit: Kit, pulse: Source<readonly QueuePulse[]>): void {
  kit.reading(
    pulse,
    'hivepulse_worker_last_fetch_seconds',
    'Since this worker fetched a job of the queue; absent before the first.',
    ['queue'],
    (queues) => queues.flatMap(({ queue, sinceFetchMs }) => (sinceFetchMs === undefined ? [] : [[{ queue }, sinceFetchMs / 1_000] as const])),
  );
  kit.reading(pulse, 'hivepulse_worker_places', 'Jobs of the queue that this worker runs at a time.', ['queue'], (queues) =>
    queues.map(({ queue, active, free }) => [{ queue }, active + free]),
  );
}
