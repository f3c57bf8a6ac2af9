import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJobEndings } from '../../lib/alerts/endings.ts';
import { createAlertLook } from '../../lib/alerts/look.ts';
import { createOutboxWatch } from '../../lib/alerts/outbox-watch.ts';
import { type AlertLimits, type AlertRulesDeps, createAlertRules, type QueueLoad } from '../../lib/alerts/rules.ts';
import { DAY, MINUTE, SECOND } from '../../lib/clock.ts';
import type { AlertObservation } from '../../lib/db/alert-types.ts';
import { UnavailableError } from '../../lib/errors.ts';
import { readyKinds } from '../../lib/jobs/index.ts';
import { deadlineIn } from '../../lib/lifecycle.ts';
import { silentLogger } from '../../lib/log.ts';
import { readLoads } from '../../start/alerts.ts';
import { newFailure } from '../db/worlds.ts';
import { QUEUE, type RelayWorld, startRelayWorld } from '../relay/world.ts';
import { createFakeClock } from '../support/clock.ts';
import { processOf } from './world.ts';

const LIMITS: AlertLimits = { waiting: 100, oldestMs: 15 * MINUTE, failureRate: 0.2, coolDownMs: 60 * MINUTE, dailyBudgetUsd: 10 };
const NOW = Date.parse('2027-06-01T08:00:00Z');

/** What fires, as `<kind> <subject>`, where nothing else is the matter. */
async function firing(changes: Partial<AlertRulesDeps> & { load?: QueueLoad }): Promise<string[]> {
  const { load = { ready: 0, oldestMs: 0 }, ...deps } = changes;
  const rules = createAlertRules({
    loads: async () => new Map([['review-ai', load]]),
    lastPoll: async () => NOW - 10 * SECOND,
    spentTodayUsd: async () => 0,
    book: { endings: async () => [] },
    limits: LIMITS,
    clock: createFakeClock(NOW),
    ...deps,
  });
  return (await rules())
    .filter((one) => one.firing)
    .map(({ kind, subject, level = 0 }) => [kind, subject, level || undefined].filter(Boolean).join(' '));
}
const endings = (completed: number, failed: number) => ({ book: { endings: async () => [{ queue: 'review-ai', completed, failed }] } });
const off = { limits: { ...LIMITS, waiting: 0, oldestMs: 0, failureRate: 0, dailyBudgetUsd: undefined } };

describe('alert rules', () => {
  it.each<[string, Parameters<typeof firing>[0], string[]]>([
    ['nothing happens', {}, []],
    ['as many wait as may', { load: { ready: 100, oldestMs: MINUTE } }, []],
    ['more wait than may', { load: { ready: 101, oldestMs: MINUTE } }, ['jobs_waiting review-ai']],
    ['the oldest is at its limit', { load: { ready: 1, oldestMs: 15 * MINUTE } }, []],
    ['the oldest is past its limit', { load: { ready: 1, oldestMs: 15 * MINUTE + 1 } }, ['jobs_old review-ai']],
    ['19 ended, and all failed', endings(0, 19), []],
    ['20 ended, and four failed', endings(16, 4), []],
    ['20 ended, and five failed', endings(15, 5), ['failure_rate review-ai']],
    ['all limits are off', { ...off, ...endings(0, 99), load: { ready: 999, oldestMs: DAY } }, []],
    ['no worker ever polled', { load: { ready: 1, oldestMs: 3 * MINUTE }, lastPoll: async () => undefined }, ['worker_missing']],
    ['no worker polled lately', { load: { ready: 1, oldestMs: 3 * MINUTE }, lastPoll: async () => NOW - 2 * MINUTE - 1 }, ['worker_missing']],
    ['no worker polled, but jobs are young', { load: { ready: 1, oldestMs: MINUTE }, lastPoll: async () => undefined }, []],
    ['no worker polled, but nothing waits', { lastPoll: async () => undefined }, []],
    ['less than 80 % is spent', { spentTodayUsd: async () => 7.99 }, []],
    ['80 % is spent', { spentTodayUsd: async () => 8 }, ['spend_cap 1']],
    ['all is spent', { spentTodayUsd: async () => 10.01 }, ['spend_cap 2']],
  ])('when %s', async (_, state, expected) => {
    expect(await firing(state)).toEqual(expected);
  });
});

describe('a look', () => {
  let world: RelayWorld;
  beforeAll(async () => {
    world = await startRelayWorld('redis');
  });
  afterAll(() => world.stop());

  it('sees what waits in the queue and what no relay has moved, tells when it sees it twice, and tells of failed jobs at once', async () => {
    const user = await world.user();
    for (const _ of [1, 2]) await world.insert(user);
    while ((await world.relay.runOnce()) > 0);
    await world.insert(user);
    const loads = () => readLoads(world.service, world.db);
    expect((await loads()).get(QUEUE)).toMatchObject({ ready: 3 });
    await world.db.failedJobs.record(newFailure());

    const clock = createFakeClock(Date.now() + 5 * MINUTE);
    const { observe } = processOf(world.db, clock);
    const told: string[] = [];
    const note = (kind: string, phase: string) => void told.push(`${kind} ${phase}`);
    const book = world.db.alerts;
    const look = createAlertLook({
      rules: createAlertRules({
        loads,
        lastPoll: world.service.lastPoll,
        spentTodayUsd: world.db.ai.spentTodayUsd,
        book,
        limits: { ...LIMITS, waiting: 2 },
        clock,
        now: clock,
      }),
      alerts: {
        observe: (observations) => observe(...observations),
        stored: (news) => {
          for (const { kind, phase } of news) note(kind, phase);
        },
      },
      book,
      coolDownMs: LIMITS.coolDownMs,
      now: clock,
      log: silentLogger,
    });
    const { signal } = new AbortController();
    expect(await look(signal)).toEqual({ told: 1 });
    expect(told).toEqual(['job_failed firing']);
    clock.advance(MINUTE);
    expect(await look(signal)).toEqual({ told: 1 });
    const rows = await world.sql`select kind, subject, phase from hivepulse_alert_messages order by id`;
    expect(rows.map(({ kind, subject }) => kind + (kind === 'jobs_waiting' ? ` ${subject}` : ''))).toEqual(['job_failed', 'jobs_waiting review-ai']);
  });

  it('jobs that stay in the outbox are told of by any process, also when there is no queue to look at', async () => {
    const observed: string[] = [];
    const limits = { oldestMs: 15 * MINUTE, coolDownMs: MINUTE };
    const alerts = {
      observe: async (observations: readonly AlertObservation[]) => observed.push(...observations.map(({ kind, subject }) => `${kind} ${subject}`)),
    };
    const watch = (changes = {}) =>
      createOutboxWatch({ outbox: world.db.outbox, kinds: readyKinds, alerts, limits: { ...limits, ...changes }, log: silentLogger });
    await world.insert(await world.user());
    await watch().runOnce();
    await world.sql`update job_outbox set created_at = now() - interval '1 hour', available_at = now() - interval '1 hour' where ended is null`;
    await watch({ oldestMs: 0 }).runOnce();
    expect(observed).toEqual([]);
    await watch().runOnce();
    expect(observed).toEqual([`jobs_old ${QUEUE}`]);
  });

  it('counts what workers have completed once, also when the database was away in between', async () => {
    let away = true;
    const { reportEndings } = world.db.alerts;
    const reports: string[] = [];
    const service = createJobEndings({
      book: {
        reportEndings: async (id, counted) => {
          reports.push(id);
          await reportEndings(id, counted);
          // Stored, and the answer is lost.
          if (away) throw new UnavailableError('away');
        },
      },
      log: silentLogger,
    });
    for (let n = 0; n < 5; n += 1) service.completed('review-ai');
    await expect(service.runOnce()).rejects.toThrow('away');
    service.completed('review-ai');
    service.completed('source-sync');
    away = false;
    await service.runOnce();
    await service.start();
    await service.stop(deadlineIn(5_000));
    await service.runOnce();
    expect([reports.length, new Set(reports).size]).toEqual([3, 2]);
    const counted = await world.db.alerts.endings({ windowMs: MINUTE, lagMs: 0 });
    expect(counted.map(({ queue, completed }) => [queue, completed])).toEqual(
      expect.arrayContaining([
        ['review-ai', 6],
        ['source-sync', 1],
      ]),
    );
  });
});
