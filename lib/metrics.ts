import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { AiCall } from './ai/books.ts';
import type { AttemptReport } from './queue/runner.ts';
import type { QueueStats } from './queue/types.ts';

/** Seconds; from a cache hit to the longest job. */
const BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600];

export interface Metrics {
  attempt(report: AttemptReport): void;
  aiCall(report: AiCall): void;
  /** Prometheus text. */
  render(): Promise<string>;
  contentType: string;
}

export interface MetricsSources {
  /** Absent in a process that has no queue service. */
  stats?: () => Promise<QueueStats>;
  /** Jobs asked for in the database that no relay has moved yet. */
  outbox?: () => Promise<{ waiting: number; oldestSeconds: number }>;
}

/** The sources are asked at each scrape. */
export function createMetrics({ stats, outbox }: MetricsSources = {}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const kind = ['queue', 'name'] as const;
  const attempts = new Counter({ name: 'hivepulse_job_attempts_total', help: 'Attempts by outcome.', labelNames: [...kind, 'outcome'], registers });
  const duration = new Histogram({
    name: 'hivepulse_job_duration_seconds',
    help: 'Run time of an attempt.',
    labelNames: kind,
    buckets: BUCKETS,
    registers,
  });
  const wait = new Histogram({
    name: 'hivepulse_job_wait_seconds',
    help: 'From enqueueing (or the end of the delay) to the start of an attempt.',
    labelNames: kind,
    buckets: BUCKETS,
    registers,
  });
  const aiLabels = ['provider', 'model', 'operation'] as const;
  const aiCalls = new Counter({
    name: 'hivepulse_ai_calls_total',
    help: 'Model calls; cached ones cost nothing.',
    labelNames: [...aiLabels, 'cached'],
    registers,
  });
  const aiTokens = new Counter({
    name: 'hivepulse_ai_tokens_total',
    help: 'Tokens by direction.',
    labelNames: [...aiLabels, 'direction'],
    registers,
  });
  const aiCost = new Counter({ name: 'hivepulse_ai_cost_usd_total', help: 'Dollars spent on model calls.', labelNames: aiLabels, registers });
  const aiDuration = new Histogram({
    name: 'hivepulse_ai_call_seconds',
    help: 'Time of a model call.',
    labelNames: aiLabels,
    buckets: BUCKETS,
    registers,
  });
  if (stats) queueGauge(registry, stats);
  if (outbox) outboxGauges(registry, outbox);

  return {
    attempt({ queue, name, outcome, durationMs, waitedMs, attempt }) {
      attempts.inc({ queue, name, outcome });
      duration.observe({ queue, name }, durationMs / 1000);
      if (attempt === 1) wait.observe({ queue, name }, waitedMs / 1000);
    },
    aiCall({ provider, model, operation, durationMs, inputTokens, outputTokens, costUsd, cached }) {
      const labels = { provider, model, operation };
      aiCalls.inc({ ...labels, cached: String(cached) });
      if (cached) return;
      aiTokens.inc({ ...labels, direction: 'input' }, inputTokens);
      aiTokens.inc({ ...labels, direction: 'output' }, outputTokens);
      aiCost.inc(labels, costUsd);
      aiDuration.observe(labels, durationMs / 1000);
    },
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function queueGauge(registry: Registry, stats: () => Promise<QueueStats>): void {
  new Gauge({
    name: 'hivepulse_queue_jobs',
    help: 'Jobs by queue and state.',
    labelNames: ['queue', 'state'],
    registers: [registry],
    async collect() {
      for (const [queue, counts] of Object.entries(await stats())) {
        for (const [state, count] of Object.entries(counts)) this.set({ queue, state }, Number(count));
      }
    },
  });
}

function outboxGauges(registry: Registry, outbox: NonNullable<MetricsSources['outbox']>): void {
  const registers = [registry];
  const oldest = new Gauge({
    name: 'hivepulse_outbox_oldest_seconds',
    help: 'Age of the oldest due job in the outbox: grows when no relay runs.',
    registers,
  });
  new Gauge({
    name: 'hivepulse_outbox_jobs',
    help: 'Due jobs in the outbox.',
    registers,
    async collect() {
      const { waiting, oldestSeconds } = await outbox();
      this.set(waiting);
      oldest.set(oldestSeconds);
    },
  });
}
