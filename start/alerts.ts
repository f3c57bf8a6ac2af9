import type { Alerts, AlertTarget } from '../lib/alerts/contract.ts';
import { createAlerts } from '../lib/alerts/index.ts';
import { createAlertLook } from '../lib/alerts/look.ts';
import { createAlertMail } from '../lib/alerts/mail.ts';
import { createOutboxWatch } from '../lib/alerts/outbox-watch.ts';
import { createAlertRules, type QueueLoad } from '../lib/alerts/rules.ts';
import { type AlertSender, createAlertSender } from '../lib/alerts/sender.ts';
import { createAlertWebhook } from '../lib/alerts/webhook.ts';
import { systemClock } from '../lib/clock.ts';
import type { Config } from '../lib/config.ts';
import type { Db } from '../lib/db/types.ts';
import { readyKinds, readyQueueNames } from '../lib/jobs/index.ts';
import type { Service } from '../lib/lifecycle.ts';
import type { Logger } from '../lib/log.ts';
import { loadOf } from '../lib/metrics/scale.ts';
import type { OwnQueueService } from '../lib/queue/service.ts';
import type { Core } from './parts.ts';

export type AlertConfig = Pick<Config, 'alerts'> & { api: Pick<Config['api'], 'publicUrl'>; scheduler: Pick<Config['scheduler'], 'briefFrom'> };

/** What a process has to tell, and how it gets out. */
export interface AlertParts extends Alerts {
  /** A service of every process with a database. */
  sender: AlertSender;
}

export function createAlertParts(config: AlertConfig, { alerts: book }: Pick<Db, 'alerts'>, log: Logger): AlertParts {
  const { publicUrl } = config.api;
  const targets = alertTargets(config);
  const sender = createAlertSender({ book, targets, publicUrl, log });
  const alerts = createAlerts({ book, poke: sender.poke, targets, publicUrl, clock: systemClock, log });
  return { ...alerts, sender };
}

function alertTargets({ alerts: { webhookUrl, smtpUrl, emailTo }, scheduler: { briefFrom: from } }: AlertConfig): AlertTarget[] {
  return [
    ...(webhookUrl === undefined ? [] : [createAlertWebhook({ url: webhookUrl })]),
    ...(smtpUrl === undefined || emailTo.length === 0 ? [] : [createAlertMail({ smtpUrl, from, to: emailTo })]),
  ];
}

/** For the timetable: the rules, each minute, by one process. */
export function createLook({ config, connections: { db }, queue, alerts, log }: Core): ReturnType<typeof createAlertLook> {
  const { coolDownMs } = config.alerts;
  const rules = createAlertRules({
    loads: () => readLoads(queue, db),
    lastPoll: queue.lastPoll,
    spentTodayUsd: db.ai.spentTodayUsd,
    book: db.alerts,
    limits: { ...config.alerts, dailyBudgetUsd: config.ai.dailyBudgetUsd },
    clock: systemClock,
  });
  return createAlertLook({ rules, alerts, book: db.alerts, coolDownMs, log });
}

/** For every process with a database: jobs that stay in the outbox. */
export function createLateOutbox({ config, connections: { db }, alerts, log }: Core): Service {
  return createOutboxWatch({ outbox: db.outbox, kinds: readyKinds, alerts, limits: config.alerts, log });
}

/** As queues and outbox tell it together: what waits in the outbox while no relay runs is late, too. */
export async function readLoads(queue: Pick<OwnQueueService, 'facts'>, { outbox }: Pick<Db, 'outbox'>): Promise<Map<string, QueueLoad>> {
  const [facts, unsent] = await Promise.all([queue.facts(), outbox.backlogByQueue(readyKinds)]);
  return new Map(readyQueueNames.map((name) => [name, loadOf(facts[name], unsent.get(name))]));
}
