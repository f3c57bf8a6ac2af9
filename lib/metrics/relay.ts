import type { Clock } from '../clock.ts';
import { queueNames } from '../jobs/index.ts';
import type { Moved } from '../relay/relay.ts';
import type { Kit } from './kit.ts';
import type { Source } from './source.ts';

/** Due jobs in the outbox, of each queue that has any. */
export type Outbox = ReadonlyMap<string, { waiting: number; oldestSeconds: number }>;

const OUTCOMES: readonly Moved['outcome'][] = ['sent', 'merged', 'refused'];

/** What this process' relay moves from the database to the queues. */
export function createRelayMetrics(kit: Kit, clock: Pick<Clock, 'now'>): (moved: Moved) => void {
  const moves = kit.counter('hivepulse_relay_moved_total', 'Jobs moved out of the outbox: sent, merged into one that waits, or refused for good.', [
    'queue',
    'outcome',
  ]);
  const lag = kit.histogram(
    'hivepulse_relay_lag_seconds',
    'From asking for a job in the database to its being on its queue; a delay that was asked for included.',
  );
  for (const queue of queueNames) for (const outcome of OUTCOMES) moves.inc({ queue, outcome }, 0);
  return ({ queue, outcome, createdAt }) => {
    moves.inc({ queue, outcome });
    if (outcome !== 'refused') lag.observe(Math.max(0, clock.now() - Date.parse(createdAt)) / 1_000);
  };
}

/** The same in every process: take the `max`, never the sum. */
export function readOutbox(kit: Kit, outbox: Source<Outbox>): void {
  kit.reading(outbox, 'hivepulse_outbox_jobs', 'Due jobs in the outbox.', ['queue'], (all) =>
    queueNames.map((queue) => [{ queue }, all.get(queue)?.waiting ?? 0]),
  );
  kit.reading(
    outbox,
    'hivepulse_outbox_oldest_seconds',
    'For how long the oldest due job in the outbox has been: grows when no relay runs.',
    ['queue'],
    (all) => queueNames.map((queue) => [{ queue }, all.get(queue)?.oldestSeconds ?? 0]),
  );
}
