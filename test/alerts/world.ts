import type { AlertTarget } from '../../lib/alerts/contract.ts';
import { createAlerts } from '../../lib/alerts/index.ts';
import { createAlertMail } from '../../lib/alerts/mail.ts';
import { createAlertSender } from '../../lib/alerts/sender.ts';
import { createAlertWebhook } from '../../lib/alerts/webhook.ts';
import type { AlertObservation } from '../../lib/db/alert-types.ts';
import type { Db } from '../../lib/db/types.ts';
import { type Logger, silentLogger } from '../../lib/log.ts';
import type { FakeClock } from '../support/clock.ts';

export const PUBLIC_URL = 'https://jobs.example.com';

/** One process’s part: what it tells, and how it gets out. Nothing goes by itself: `send` is one round. */
export function processOf(
  db: Pick<Db, 'alerts'>,
  clock: FakeClock,
  { hook, smtp, log = silentLogger, timeoutMs = 5_000 }: { hook?: string; smtp?: string; log?: Logger; timeoutMs?: number } = {},
) {
  const targets: AlertTarget[] = [
    ...(hook === undefined ? [] : [createAlertWebhook({ url: hook, timeoutMs })]),
    ...(smtp === undefined
      ? []
      : [createAlertMail({ smtpUrl: smtp, from: 'Hivepulse <alerts@example.com>', to: ['ops@example.com', 'on-call@example.com'], timeoutMs })]),
  ];
  const sender = createAlertSender({ book: db.alerts, targets, publicUrl: PUBLIC_URL, clock, log });
  const alerts = createAlerts({ book: db.alerts, poke: () => undefined, targets, publicUrl: PUBLIC_URL, now: clock, clock, log });
  return { targets, send: sender.runOnce, sender, observe: (...observations: AlertObservation[]) => alerts.observe(observations) };
}
