import { SECOND } from '../clock.ts';
import type { ClaimedDelivery } from '../db/brief-types.ts';
import { isPassing, whyUnanswered } from '../webhook.ts';
import type { Sent } from './deliver.ts';

export interface WebhookSettings {
  /** `BRIEF_WEBHOOK_URL`; a secret. */
  webhookUrl: string;
  /** Default 15,000. */
  timeoutMs?: number;
}

/** Posts `{ dealId, date, report, edition, content, markdown, html }`; who gets it twice knows it by the header `Idempotency-Key`: the edition's id. */
export async function postBrief(delivery: ClaimedDelivery, { webhookUrl, timeoutMs = 15 * SECOND }: WebhookSettings): Promise<Sent> {
  const { editionId, dealId, date, report, edition, content, markdown, html } = delivery;
  try {
    const response = await fetch(webhookUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': editionId },
      body: JSON.stringify({ dealId, date, report, edition, content, markdown, html }),
      // Redirected, the brief would go to who knows where.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel();
    if (response.ok) return { outcome: 'sent' };
    const { status } = response;
    return { outcome: isPassing(status) ? 'again' : 'failed', error: `the webhook answered with status ${status}` };
  } catch (error) {
    return { outcome: 'again', error: whyUnanswered(error) };
  }
}
