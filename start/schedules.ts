import { createAlerts } from '../lib/alerts/index.ts';
import { systemClock } from '../lib/clock.ts';
import type { Service } from '../lib/lifecycle.ts';
import { createChores } from '../lib/schedules/chores.ts';
import { createScheduler } from '../lib/schedules/scheduler.ts';
import { createSchedulerNews, createSchedulerWatch } from '../lib/schedules/watch.ts';
import { createTimetable } from '../schedulers/timetable.ts';
import type { Core } from './parts.ts';

/** The scheduler (`runs`), and what every process with a database does: it tells when none is seen. */
export function createSchedulerServices(core: Core, { runs }: { runs: boolean }): Service[] {
  const { config, connections, relay, briefs, sourceWatches, workerDeps, log } = core;
  const { backend, db } = connections;
  const { schedules } = db;
  const alerts = createAlerts({ webhookUrl: config.alerts.webhookUrl, log });
  const news = createSchedulerNews({ schedules, alerts });
  const watch = createSchedulerWatch({ schedules, news, alerts, log });
  if (!runs) return [watch];
  const timetable = createTimetable({
    db,
    mailboxes: workerDeps.mail.mailboxes,
    topic: config.google.pubsubTopic,
    jobExpiryMs: config.worker.jobExpiryMs,
    poke: relay.poke,
    deliverDue: briefs.deliverDue,
    renewSourceWatches: sourceWatches.renew,
    clock: systemClock,
    log,
  });
  const { dailyBriefTime: cron, timeZone, catchUp: policy, catchUpWindowMs: windowMs } = config.scheduler;
  const scheduler = createScheduler({
    schedules,
    chores: createChores({ schedules, store: backend.store, timetable, log }),
    news,
    defaults: { cron, timeZone },
    catchUp: { policy, windowMs },
    poke: relay.poke,
    log,
  });
  return [scheduler, watch];
}
