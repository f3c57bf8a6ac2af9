import { MINUTE, SECOND } from '../clock.ts';
import type { AlertSent } from '../db/alert-types.ts';
import { retryAfterMs } from '../provider-failure.ts';
import { isPassing, whyUnanswered } from '../webhook.ts';
import type { AlertTarget } from './contract.ts';
import type { Letter } from './letter.ts';
import { retryAfter } from './retry.ts';

export interface AlertWebhookOptions {
  /** `ALERT_WEBHOOK_URL`; a secret. */
  url: string;
  /** Default 10,000. */
  timeoutMs?: number;
}

/** Discord takes 2,000 characters. */
const MOST_CHARACTERS = 1_900;
const LONGEST_PAUSE_MS = 60 * MINUTE;

/** Posts `{ text }` as Slack, Mattermost and Discord (`…/slack`) take it. */
export function createAlertWebhook({ url, timeoutMs = 10 * SECOND }: AlertWebhookOptions): AlertTarget {
  async function send(letter: Letter, attempt: number): Promise<AlertSent> {
    try {
      const response = await fetch(url, {
        method: 'POST',
        // A connection kept for the next alert would be dead by then.
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify({ text: slackText(letter.lines) }),
        // Redirected, the message would go to who knows where.
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      });
      await response.body?.cancel();
      if (response.ok) return { outcome: 'sent' };
      const { status, headers } = response;
      const error = `the webhook answered with status ${status}`;
      if (!isPassing(status)) return { outcome: 'failed', error };
      return { outcome: 'again', error, retryMs: Math.max(retryAfter(attempt), pauseAskedFor(headers)) };
    } catch (error) {
      return { outcome: 'again', error: whyUnanswered(error), retryMs: retryAfter(attempt) };
    }
  }
  return { name: 'webhook', send };
}

function pauseAskedFor(headers: Headers): number {
  return Math.min(retryAfterMs(headers.get('retry-after'), Date.now()) ?? 0, LONGEST_PAUSE_MS);
}

/** What stands in an alert calls nobody (`@channel`, `<!here>`) and links nowhere by itself. https://api.slack.com/reference/surfaces/formatting#escaping */
function slackText(lines: readonly string[]): string {
  const escaped = lines.join('\n').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('@', '@\u200b');
  return escaped.length <= MOST_CHARACTERS ? escaped : `${escaped.slice(0, MOST_CHARACTERS).replace(/&\w*$/, '')}…`;
}
