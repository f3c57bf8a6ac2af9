import { describe, expect, it, vi } from 'vitest';
import { UnavailableError } from '../../lib/errors.ts';
import { queueNames } from '../../lib/jobs/index.ts';
import { countLookups } from '../../lib/metrics/caches.ts';
import { createMetrics, type MetricsDeps } from '../../lib/metrics/index.ts';
import type { AllQueueFacts, QueueFacts } from '../../lib/queue/ready.ts';
import { createFakeClock } from '../support/clock.ts';

const EMPTY: QueueFacts = {
  waiting: 0,
  active: 0,
  completed: 0,
  failed: 0,
  delayed: 0,
  waitingChildren: 0,
  paused: false,
  ready: 0,
  oldestReadyMs: 0,
  kinds: {},
};
const factsWith = (given: Partial<Record<string, Partial<QueueFacts>>>): AllQueueFacts =>
  // As in the service: Object.fromEntries forgets that every name is there.
  Object.fromEntries(queueNames.map((queue) => [queue, { ...EMPTY, ...given[queue] }])) as AllQueueFacts;

function create(given: Partial<MetricsDeps> = {}) {
  const clock = createFakeClock();
  const metrics = createMetrics({
    facts: async () => factsWith({}),
    store: { kind: 'redis', size: async () => ({ bytes: 1_000 }) },
    outbox: async () => new Map(),
    lastPoll: async () => undefined,
    spentTodayUsd: async () => 1.5,
    clock,
    ...given,
  });
  const value = async (series: string): Promise<number | undefined> => {
    const line = (await metrics.render()).split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  };
  return { metrics, clock, value };
}

const kind = { queue: 'review-ai', name: 'sentiment_analysis' } as const;
const labels = 'queue="review-ai",name="sentiment_analysis"';
const attempt = { ...kind, outcome: 'done', durationMs: 500, waitedMs: 2_000, attempt: 1, firstStart: true } as const;

describe('metrics of jobs', () => {
  it('count what runs, what is tried again and what has ended, and time the whole of it', async () => {
    const { metrics, value } = create();
    const end = metrics.started(kind);
    expect(await value(`hivepulse_jobs_active{${labels}}`)).toBe(1);
    end();
    metrics.attempt({ ...attempt, outcome: 'retry' });
    metrics.attempt({ ...attempt, firstStart: false, waitedMs: 60_000, totalMs: 90_000 });
    metrics.failed(kind);
    metrics.stalled('review-ai');
    expect(await value(`hivepulse_jobs_active{${labels}}`)).toBe(0);
    expect(await value(`hivepulse_job_attempts_total{${labels},outcome="retry"}`)).toBe(1);
    expect(await value(`hivepulse_job_retries_total{${labels}}`)).toBe(1);
    expect(await value(`hivepulse_jobs_ended_total{${labels},state="completed"}`)).toBe(1);
    expect(await value(`hivepulse_jobs_ended_total{${labels},state="failed"}`)).toBe(1);
    expect(await value(`hivepulse_jobs_ended_total{${labels},state="cancelled"}`)).toBe(0);
    expect(await value('hivepulse_job_stalls_total{queue="review-ai"}')).toBe(1);
    expect(await value(`hivepulse_job_total_seconds_sum{${labels}}`)).toBe(90);
    // The second start came after a pause that nobody waited for.
    expect(await value(`hivepulse_job_wait_seconds_sum{${labels}}`)).toBe(2);
  });

  it('count calls to models by outcome, and what the answer cache spares them as no call', async () => {
    const { metrics, value } = create({ dailyBudgetUsd: 20 });
    const call = { queue: 'review-ai', provider: 'openai', model: 'm', operation: 'generate', cachedInputTokens: 0 } as const;
    metrics.aiCall({ ...call, outcome: 'ok', cached: false, inputTokens: 10, outputTokens: 5, costUsd: 0.25, durationMs: 1_000 });
    metrics.aiCall({ ...call, outcome: 'rate_limited', cached: false, inputTokens: 0, outputTokens: 0, costUsd: 0, durationMs: 10 });
    metrics.aiCall({ ...call, outcome: 'ok', cached: true, inputTokens: 0, outputTokens: 0, costUsd: 0, durationMs: 0 });
    const model = 'provider="openai",model="m",operation="generate"';
    expect(await value(`hivepulse_ai_calls_total{${model},outcome="ok"}`)).toBe(1);
    expect(await value(`hivepulse_ai_calls_total{${model},outcome="rate_limited"}`)).toBe(1);
    expect(await value('hivepulse_ai_rate_limits_total{provider="openai"}')).toBe(1);
    expect(await value(`hivepulse_ai_tokens_total{${model},direction="output"}`)).toBe(5);
    expect(await value(`hivepulse_ai_cost_usd_total{${model}}`)).toBe(0.25);
    expect(await value('hivepulse_ai_spent_today_usd')).toBe(1.5);
    expect(await value('hivepulse_ai_daily_budget_usd')).toBe(20);
  });

  it('tell how long jobs that were asked for in the database were on their way', async () => {
    const { metrics, clock, value } = create();
    metrics.moved({ queue: 'review-ai', outcome: 'sent', createdAt: new Date(clock.now() - 3_000).toISOString() });
    metrics.moved({ queue: 'review-ai', outcome: 'refused', createdAt: new Date(clock.now() - 60_000).toISOString() });
    expect(await value('hivepulse_relay_moved_total{queue="review-ai",outcome="sent"}')).toBe(1);
    expect(await value('hivepulse_relay_moved_total{queue="review-ai",outcome="refused"}')).toBe(1);
    expect(await value('hivepulse_relay_lag_seconds_sum')).toBe(3);
  });

  it('count hits and misses of the three caches where they are looked up', async () => {
    const { metrics, value } = create();
    const tables = {
      ai: { cached: async (key: string) => (key === 'there' ? { value: 1, model: 'm' } : undefined) },
      embeddings: { find: async () => new Map([['a', new Float32Array()]]) },
      mailboxes: { cached: async () => new Set(['1', '2']) },
    };
    // Only what is looked up is there.
    const db = countLookups(tables as unknown as Parameters<typeof countLookups>[0], metrics.cacheLookup);
    await db.ai.cached('there');
    await db.ai.cached('elsewhere');
    await db.embeddings.find('m', ['a', 'b', 'b', 'c']);
    await db.mailboxes.cached('user', ['1', '2', '3']);
    const counts = async (cache: string) => [
      await value(`hivepulse_cache_lookups_total{cache="${cache}",result="hit"}`),
      await value(`hivepulse_cache_lookups_total{cache="${cache}",result="miss"}`),
    ];
    expect([await counts('ai_answers'), await counts('embeddings'), await counts('messages')]).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
    ]);
  });
});

describe('what is read when metrics are asked for', () => {
  it('is asked for once by all who look within a second', async () => {
    const facts = vi.fn(async () => factsWith({ 'review-ai': { waiting: 3, ready: 4, oldestReadyMs: 1_500 } }));
    const { metrics, clock, value } = create({ facts });
    await Promise.all([metrics.render(), metrics.render(), metrics.scale()]);
    expect(await value('hivepulse_queue_jobs{queue="review-ai",state="waiting"}')).toBe(3);
    expect(await value('hivepulse_queue_oldest_ready_seconds{queue="review-ai"}')).toBe(1.5);
    expect(await value('hivepulse_queue_ready{queue="review-ai"}')).toBe(4);
    expect(facts).toHaveBeenCalledTimes(1);
    clock.advance(1_000);
    await metrics.render();
    expect(facts).toHaveBeenCalledTimes(2);
  });

  it('is absent while it is away, where it was there before, and comes back', async () => {
    let away = false;
    const spentTodayUsd = async () => {
      if (away) throw new UnavailableError('no answer');
      return 2;
    };
    const { clock, value } = create({ spentTodayUsd });
    expect(await value('hivepulse_ai_spent_today_usd')).toBe(2);
    away = true;
    clock.advance(1_000);
    expect(await value('hivepulse_ai_spent_today_usd')).toBeUndefined();
    clock.advance(1_000);
    expect(await value('hivepulse_queue_jobs{queue="review-ai",state="waiting"}')).toBe(0);
    away = false;
    clock.advance(1_000);
    expect(await value('hivepulse_ai_spent_today_usd')).toBe(2);
    expect(await value('hivepulse_scrape_errors_total{name="spending"}')).toBe(2);
  });

  it('shows the worker of this process once it is there', async () => {
    const { metrics, value } = create();
    expect(await value('hivepulse_worker_places{queue="review-ai"}')).toBeUndefined();
    metrics.watchPulse(() => [
      { queue: 'review-ai', active: 2, free: 3, sinceFetchMs: 4_000 },
      { queue: 'gmail-fetch', active: 0, free: 1, sinceFetchMs: undefined },
    ]);
    expect(await value('hivepulse_worker_places{queue="review-ai"}')).toBe(5);
    expect(await value('hivepulse_worker_last_fetch_seconds{queue="review-ai"}')).toBe(4);
    expect(await value('hivepulse_worker_last_fetch_seconds{queue="gmail-fetch"}')).toBeUndefined();
  });

  it('names the store that the queues live in', async () => {
    const redis = create({ store: { kind: 'redis', size: async () => ({ bytes: 7, limitBytes: 70 }) } });
    expect([await redis.value('hivepulse_redis_memory_bytes'), await redis.value('hivepulse_redis_memory_limit_bytes')]).toEqual([7, 70]);
    const postgres = create({ store: { kind: 'postgres', size: async () => ({ bytes: 8 }) } });
    expect([await postgres.value('hivepulse_redis_memory_bytes'), await postgres.value('hivepulse_queue_tables_bytes')]).toEqual([undefined, 8]);
  });
});
