import { SECOND } from '../clock.ts';
import type { AlertSent } from '../db/alert-types.ts';
import type { AlertTarget } from './contract.ts';
import type { Letter } from './letter.ts';
import { retryAfter } from './retry.ts';

export interface AlertWebhookOptions {
  /** `ALERT_WEBHOOK_URL`; a secret. */
  url: string;
  /** Default 10,000. */
  timeoutMs?: number;
}

/** Statuses that the same request may get past. */
const PASSING = new Set([408, 425, 429]);
/** Discord takes 2,000 characters. */
const MOST_CHARACTERS = 1_900;
const LONGEST_PAUSE_SECONDS = 3_600;

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
      if (!PASSING.has(status) && status < 500) return { outcome: 'failed', error };
      return { outcome: 'again', error, retryMs: Math.max(retryAfter(attempt), pauseAskedFor(headers)) };
    } catch (error) {
      // Its message may hold the address.
      const reason = error instanceof Error && error.name === 'TimeoutError' ? 'did not answer in time' : 'could not be reached';
      return { outcome: 'again', error: `the webhook ${reason}`, retryMs: retryAfter(attempt) };
    }
  }
  return { name: 'webhook', send };
}

function pauseAskedFor(headers: Headers): number {
  const seconds = Number(headers.get('retry-after'));
  return seconds > 0 ? Math.min(seconds, LONGEST_PAUSE_SECONDS) * SECOND : 0;
}

/** What stands in an alert calls nobody (`@channel`, `<!here>`) and links nowhere by itself. https://api.slack.com/reference/surfaces/formatting#escaping */
function slackText(lines: readonly string[]): string {
  const escaped = lines.join('\n').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('@', '@\u200b');
  return escaped.length <= MOST_CHARACTERS ? escaped : `${escaped.slice(0, MOST_CHARACTERS).replace(/&\w*$/, '')}…`;
}
