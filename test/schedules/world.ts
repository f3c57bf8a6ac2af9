import type { Ai } from '../../lib/ai/contract.ts';
import type { AlertNews } from '../../lib/alerts/contract.ts';
import { MINUTE } from '../../lib/clock.ts';
import type { NewDeal } from '../../lib/db/deal-types.ts';
import type { BriefDefaults } from '../../lib/db/schedule-types.ts';
import { deadlineIn } from '../../lib/lifecycle.ts';
import { type Logger, silentLogger } from '../../lib/log.ts';
import { createMarkCancelled } from '../../lib/queue/cancel-flag.ts';
import { createFailureRecorder } from '../../lib/queue/dead-letters.ts';
import { createRunner } from '../../lib/queue/runner.ts';
import { createActiveRuns } from '../../lib/queue/runs.ts';
import { createQueueWorkers } from '../../lib/queue/worker.ts';
import { type Chore, createChores } from '../../lib/schedules/chores.ts';
import type { CatchUp } from '../../lib/schedules/plan.ts';
import { createScheduler, type SchedulerDeps } from '../../lib/schedules/scheduler.ts';
import { createSchedulerNews, createSchedulerWatch } from '../../lib/schedules/watch.ts';
import briefs, { type BriefWorkerDeps } from '../../workers/daily-brief.ts';
import { type RelayWorld, startRelayWorld } from '../relay/world.ts';
import { createFakeClock, type FakeClock } from '../support/clock.ts';

const DEFAULTS: BriefDefaults = { cron: '0 8 * * *', timeZone: 'America/New_York' };
const QUEUE = 'daily-brief';
export const COOL_DOWN_MS = 60 * MINUTE;
/** Later than the rows that tests store: these are as old as the machine’s clock says. */
const START = '2027-06-01T00:00:00Z';

export interface SchedulerOptions {
  catchUp?: Partial<CatchUp>;
  timetable?: readonly Chore[];
  defaults?: BriefDefaults;
  /** Instead of the world’s. */
  schedules?: SchedulerDeps['schedules'];
  log?: Logger;
}

/** Real database, real queues; any number of schedulers and workers that share one clock, which tests move. */
export async function startScheduleWorld(kind: 'redis' | 'postgres') {
  const world = await startRelayWorld(kind);
  const { db, sql, backend } = world;
  const clock = createFakeClock(START);
  const alerts: AlertNews[] = [];
  const telling = { book: db.alerts, alerts: { stored: (news: readonly AlertNews[]) => void alerts.push(...news) }, coolDownMs: COOL_DOWN_MS, clock };
  const news = createSchedulerNews(telling);
  const moveTo = (time: string) => clock.advance(Date.parse(time) - clock.now());

  return {
    ...world,
    clock,
    alerts,
    moveTo,
    newScheduler: ({ catchUp, timetable = [], defaults = DEFAULTS, schedules = db.schedules, log = silentLogger }: SchedulerOptions = {}) =>
      createScheduler({
        schedules,
        chores: createChores({ schedules: db.schedules, store: backend.store, timetable, log }),
        news,
        defaults,
        catchUp: { policy: 'one', windowMs: 12 * 60 * 60_000, ...catchUp },
        poke: () => undefined,
        clock,
        log,
      }),
    newWatch: () => createSchedulerWatch({ ...telling, news, log: silentLogger }),
    /** One worker process’s part for briefs, with the processor that ships. */
    startBriefWorker: () => startBriefWorker(world, clock),
    newDeal: (changes: Partial<NewDeal> = {}) =>
      db.deals.create({ name: 'Deal', description: null, status: 'active', timeZone: null, briefTime: null, briefDelivery: {}, ...changes }, null),
    /** As `<deal> <due at>[ late]`, or `<deal> <due at> skipped`. */
    runs: async (): Promise<string[]> => {
      const rows = await sql<{ deal: string; due: Date; outcome: string; late: boolean }[]>`
        select coalesce(d.name, '-') as deal, r.due_at as due, r.outcome, r.late from schedule_runs r left join deals d on d.id = r.deal_id order by due_at, 1, outcome`;
      return rows.map(({ deal, due, outcome, late }) => {
        const how = outcome === 'asked' ? (late ? ' late' : '') : ` ${outcome}`;
        return `${deal} ${due.toISOString().slice(0, 16)}${how}`;
      });
    },
    /** As nobody had ever looked, at the time that the clock starts. */
    clear: async (): Promise<void> => {
      await backend.ready(5_000);
      await backend.queue(QUEUE).obliterate({ force: true });
      await sql`truncate deals, schedules, schedule_runs, deal_steps, job_outbox, hivepulse_alerts, hivepulse_alert_messages cascade`;
      await sql`update scheduler_state set looked_at = null, defaults = '{}', missing_since = null, alert_id = null`;
      alerts.length = 0;
      moveTo(START);
    },
  };
}
export type ScheduleWorld = Awaited<ReturnType<typeof startScheduleWorld>>;

const noAi = {
  forJob(): Ai {
    // Nothing has happened in these deals: such briefs are told without a model.
    return undefined as unknown as Ai;
  },
};

async function startBriefWorker({ db, backend }: RelayWorld, clock: FakeClock): Promise<() => Promise<void>> {
  const runs = createActiveRuns();
  const deps: BriefWorkerDeps = {
    db,
    clock,
    briefs: { timeZone: DEFAULTS.timeZone, store: backend.store, channels: { mail: false, webhook: false }, onRecorded: () => undefined },
  };
  // As the worker's table of processors, which knows of no payload in particular, hands it out.
  const processor = () => briefs.generate as never;
  const failures = createFailureRecorder({
    sink: db.failedJobs,
    processor,
    deps,
    markCancelled: createMarkCancelled(backend.store),
    log: silentLogger,
  });
  const runner = createRunner({ processor, deps, ai: noAi, timeoutMs: () => 30_000, failures, runs, clock, log: silentLogger });
  const queues = [{ queue: QUEUE, concurrency: 2 }] as const;
  const workers = createQueueWorkers({ backend, queues: [...queues], runner, runs, failures, clock, log: silentLogger, workerId: 'test-worker' });
  await workers.start();
  return () => workers.stop(deadlineIn(10_000));
}
