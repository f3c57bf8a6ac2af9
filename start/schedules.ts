import { systemClock } from '../lib/clock.ts';
import type { Service } from '../lib/lifecycle.ts';
import { createChores } from '../lib/schedules/chores.ts';
import { createScheduler } from '../lib/schedules/scheduler.ts';
import { createSchedulerNews, createSchedulerWatch } from '../lib/schedules/watch.ts';
import { createTimetable } from '../schedulers/timetable.ts';
import { createLateOutbox, createLook } from './alerts.ts';
import type { Core } from './parts.ts';

/** The scheduler (`runs`), and what every process with a database does: it tells when none is seen, and sends what there is to tell. */
export function createSchedulerServices(core: Core, { runs }: { runs: boolean }): Service[] {
  const { config, connections, relay, alerts, briefs, sourceWatches, workerDeps, log } = core;
  const { backend, db } = connections;
  const { schedules } = db;
  const telling = { book: db.alerts, alerts, coolDownMs: config.alerts.coolDownMs };
  const news = createSchedulerNews(telling);
  const watch = createSchedulerWatch({ ...telling, news, log });
  const everywhere = [alerts.sender, watch, createLateOutbox(core)];
  if (!runs) return everywhere;
  const timetable = createTimetable({
    db,
    mailboxes: workerDeps.mail.mailboxes,
    topic: config.google.pubsubTopic,
    jobExpiryMs: config.worker.jobExpiryMs,
    poke: relay.poke,
    deliverDue: briefs.deliverDue,
    renewSourceWatches: sourceWatches.renew,
    lookForAlerts: createLook(core),
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
  return [...everywhere, scheduler];
}
