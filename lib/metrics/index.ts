/** What Prometheus is told. Each group has a file of its own; docs/metrics.md lists them all. */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { AiCall } from '../ai/books.ts';
import { type Clock, systemClock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import { type Logger, silentLogger } from '../log.ts';
import type { QueueBackend } from '../queue/backend.ts';
import type { QueuePulse } from '../queue/pulse.ts';
import type { AllQueueFacts } from '../queue/ready.ts';
import type { Moved } from '../relay/relay.ts';
import { createAiMetrics, readSpending } from './ai.ts';
import { type CacheLookup, createCacheMetrics } from './caches.ts';
import { createJobMetrics, type JobMetrics } from './jobs.ts';
import { createKit } from './kit.ts';
import { type QueueSize, readQueueSize, readQueues } from './queues.ts';
import { createRelayMetrics, type Outbox, readOutbox } from './relay.ts';
import { type Scale, toScale } from './scale.ts';
import { createSource, type Source } from './source.ts';
import { readPulse, readWorkers } from './workers.ts';

export interface Metrics extends JobMetrics {
  aiCall(call: AiCall): void;
  /** The relay has moved a job. */
  moved(moved: Moved): void;
  cacheLookup(lookup: CacheLookup): void;
  /** Told by the worker of this process, once it is there. */
  watchPulse(pulse: () => readonly QueuePulse[]): void;
  /** Rejects while queue or database are away: a number too small would take workers away. */
  scale(): Promise<Scale>;
  /** Prometheus text. Never rejects because something is away: what is read there is absent then. */
  render(): Promise<string>;
  contentType: string;
}

/** What is asked when somebody looks; all who look within a second share one question. */
export interface MetricsDeps {
  facts: () => Promise<AllQueueFacts>;
  /** Where the queues live. */
  store: { kind: QueueBackend['kind']; size: () => Promise<QueueSize> };
  /** Jobs asked for in the database that no relay has moved yet. */
  outbox: () => Promise<Outbox>;
  /** The newest heartbeat of any worker, in milliseconds since the epoch. */
  lastPoll: () => Promise<number | undefined>;
  /** Dollars spent since 00:00 UTC by all processes. */
  spentTodayUsd: () => Promise<number>;
  dailyBudgetUsd?: number | undefined;
  clock?: Clock;
  log?: Logger;
}

export function createMetrics({ clock = systemClock, log = silentLogger, ...deps }: MetricsDeps): Metrics {
  const registry = new Registry();
  const kit = createKit(registry);
  const errors = kit.counter('hivepulse_scrape_errors_total', 'Looks that failed because something was away; what is read there was absent then.', [
    'name',
  ]);
  const source = <T>(name: string, look: () => Promise<T>): Source<T> => {
    errors.inc({ name }, 0);
    const onError = (error: unknown): void => {
      errors.inc({ name });
      log.debug({ event: 'metrics.look_failed', source: name, error: messageOf(error) }, 'metrics: something is away');
    };
    return createSource(name, look, { clock, onError });
  };

  const facts = source('queue', deps.facts);
  const outbox = source('outbox', deps.outbox);
  readQueues(kit, facts);
  readQueueSize(kit, deps.store.kind, source('store', deps.store.size));
  readOutbox(kit, outbox);
  readWorkers(kit, source('workers', deps.lastPoll), clock);
  readSpending(kit, source('spending', deps.spentTodayUsd), deps.dailyBudgetUsd);
  collectDefaultMetrics({ register: registry });

  return {
    ...createJobMetrics(kit),
    aiCall: createAiMetrics(kit),
    moved: createRelayMetrics(kit, clock),
    cacheLookup: createCacheMetrics(kit),
    watchPulse: (pulse) =>
      readPulse(
        kit,
        source('pulse', async () => pulse()),
      ),
    scale: async () => toScale(...(await Promise.all([facts.read(), outbox.read()]))),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
