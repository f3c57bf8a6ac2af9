import { setImmediate as nextTurn } from 'node:timers/promises';
import { loadMessageReader } from '../../emails/stored.ts';
import { refusalOf } from '../../provider-failure.ts';
import type { EmailRead, SourceItem } from '../contract.ts';
import type { Graph } from '../graph/contract.ts';
import { findMessage } from './delta.ts';
import { emailOf, type OutlookMessage } from './message.ts';

/** Of the mail that came with the listing, where it is still at hand; else it is asked for. */
export async function readMail({ ref, handle }: SourceItem, graph: Graph): Promise<EmailRead> {
  try {
    // Handles are what the listing made them.
    const message = (handle as OutlookMessage | undefined) ?? (await findMessage(ref, graph));
    if (!message || message.isDraft === true) return { state: 'gone', ref };
    const read = await loadMessageReader();
    // One takes some 10 ms, a page of them seconds.
    await nextTurn();
    return { state: 'read', ref, email: emailOf(message, read) };
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal?.status !== 400) throw error;
    return { state: 'failed', ref, reason: `Outlook refused it (status ${refusal.status}, ${refusal.reason})` };
  }
}
