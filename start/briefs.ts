import { type BriefSender, createBriefSender, type DeliveryDeps, deliverDueBriefs } from '../lib/briefs/deliver.ts';
import type { BriefDeps } from '../lib/briefs/make.ts';
import type { Config } from '../lib/config.ts';
import type { Logger } from '../lib/log.ts';
import type { Connections } from './connections.ts';

/** How briefs of this process are made and sent. */
export interface BriefParts {
  deps: BriefDeps;
  /** Sends in the background; a service of the worker. */
  sender: BriefSender;
  /** What is left over, of this process or of one that is gone. */
  deliverDue(signal: AbortSignal): ReturnType<typeof deliverDueBriefs>;
}

export function createBriefs({ scheduler, alerts }: Pick<Config, 'scheduler' | 'alerts'>, { db, backend }: Connections, log: Logger): BriefParts {
  const { smtpUrl } = alerts;
  const { briefWebhookUrl: webhookUrl, briefFrom: from, timeZone } = scheduler;
  const delivery: DeliveryDeps = {
    briefs: db.briefs,
    mail: smtpUrl === undefined ? undefined : { smtpUrl, from },
    webhook: webhookUrl === undefined ? undefined : { webhookUrl },
    log,
  };
  const sender = createBriefSender(delivery);
  return {
    deps: {
      timeZone,
      store: backend.store,
      channels: { mail: smtpUrl !== undefined, webhook: webhookUrl !== undefined },
      onRecorded: sender.poke,
    },
    sender,
    deliverDue: (signal) => deliverDueBriefs({ ...delivery, signal }),
  };
}
