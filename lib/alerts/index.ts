import { setTimeout as wait } from 'node:timers/promises';
import { SECOND } from '../clock.ts';
import type { Logger } from '../log.ts';

/** Something that a person should look at. Never with tokens or bodies. */
export interface Alert {
  /** The event in the log; snake_case. */
  kind: 'reauth_required' | 'schedule_missed' | 'scheduler_missing' | 'scheduler_back';
  /** One sentence: what happened, and what mends it. */
  message: string;
  details: Record<string, string | number | null>;
}

export interface Alerts {
  /** Writes the event to the log and posts it. Never rejects; resolves when it is delivered or given up. */
  raise(alert: Alert): Promise<void>;
}

export interface AlertOptions {
  /** `ALERT_WEBHOOK_URL`: Slack-compatible JSON is posted there. */
  webhookUrl?: string | undefined;
  log: Logger;
  fetch?: typeof fetch;
  /** Between tries; ms. */
  pause?: (ms: number) => Promise<unknown>;
}

/** What an alert told of is over. */
const isGood = (kind: Alert['kind']): boolean => kind === 'scheduler_back';

const TRIES = 3;
const TIMEOUT_MS = 5 * SECOND;
const FIRST_PAUSE_MS = 1 * SECOND;

/** What became of one try. */
type Delivery = { done: true } | { done: false; reason: string; again: boolean };

export function createAlerts({ webhookUrl, log, fetch: send = fetch, pause = (ms) => wait(ms) }: AlertOptions): Alerts {
  async function post(url: string, text: string): Promise<Delivery> {
    try {
      const response = await send(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text }),
        // Redirected, the message would go to who knows where.
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await response.body?.cancel();
      if (response.ok) return { done: true };
      return { done: false, reason: `status ${response.status}`, again: response.status === 429 || response.status >= 500 };
    } catch (error) {
      // Its message may hold the address, which is a secret.
      return { done: false, reason: error instanceof Error ? error.name : 'unknown', again: true };
    }
  }

  async function deliver(url: string, text: string): Promise<Delivery> {
    for (let tried = 1; ; tried += 1) {
      const delivery = await post(url, text);
      if (delivery.done || !delivery.again || tried === TRIES) return delivery;
      await pause(FIRST_PAUSE_MS * 4 ** (tried - 1));
    }
  }

  return {
    async raise({ kind, message, details }) {
      log[isGood(kind) ? 'info' : 'warn']({ ...details, event: kind }, message);
      if (webhookUrl === undefined) return;
      const delivery = await deliver(webhookUrl, message);
      if (!delivery.done) log.warn({ event: 'alert.not_delivered', kind, reason: delivery.reason }, 'ALERT_WEBHOOK_URL did not take the alert');
    },
  };
}
