/** How e-mails and blockers look in the database. */
import { z } from 'zod';
import type { Blocker, DealEmail } from './deal-types.ts';
import { parseRow } from './rest.ts';
import { numeric, timestamp } from './rows.ts';

const text = z.string().nullable();
/** Adopted tables allow null where ours have a default. */
const textOr = (fallback: string) => text.transform((value) => value ?? fallback);
const texts = z.array(z.string()).catch([]);

const email = z.object({
  id: z.string(),
  deal_id: textOr(''),
  created_by: text,
  message_id: text,
  thread_id: text,
  in_reply_to: text,
  from_name: text,
  from_address: text,
  recipients: z.array(z.object({ name: text, address: z.string() })).catch([]),
  subject: text,
  sent_at: timestamp.nullable(),
  text: textOr(''),
  content_hash: text,
  source: textOr('api'),
  source_ref: text,
  sentiment: text,
  sentiment_score: numeric.nullable(),
  urgency: text,
  sentiment_model: text,
  sentiment_prompt_version: text,
  created_at: timestamp,
  updated_at: timestamp,
});

export function parseEmail(value: unknown): DealEmail {
  const found = parseRow(email, value, 'emails');
  return {
    id: found.id,
    dealId: found.deal_id,
    createdBy: found.created_by,
    messageId: found.message_id,
    threadId: found.thread_id,
    inReplyTo: found.in_reply_to,
    fromName: found.from_name,
    fromAddress: found.from_address,
    recipients: found.recipients,
    subject: found.subject,
    sentAt: found.sent_at,
    text: found.text,
    contentHash: found.content_hash,
    source: found.source,
    sourceRef: found.source_ref,
    sentiment: found.sentiment,
    sentimentScore: found.sentiment_score,
    urgency: found.urgency,
    sentimentModel: found.sentiment_model,
    sentimentPromptVersion: found.sentiment_prompt_version,
    createdAt: found.created_at,
    updatedAt: found.updated_at,
  };
}

const item = z.object({ what: z.string(), owedBy: text, owedTo: text, dueDate: text, messageIds: texts });

const blocker = z.object({
  id: z.string(),
  deal_id: z.string(),
  thread_id: z.string(),
  subject: text,
  status: z.enum(['open', 'resolved']),
  summary: z.string(),
  items: z.array(item).catch([]),
  message_ids: texts,
  resolved_by: texts,
  model: text,
  prompt_version: text,
  opened_at: timestamp,
  resolved_at: timestamp.nullable(),
  created_at: timestamp,
  updated_at: timestamp,
});

export function parseBlocker(value: unknown): Blocker {
  const found = parseRow(blocker, value, 'deal_blockers');
  return {
    id: found.id,
    dealId: found.deal_id,
    threadId: found.thread_id,
    subject: found.subject,
    status: found.status,
    summary: found.summary,
    items: found.items,
    messageIds: found.message_ids,
    resolvedBy: found.resolved_by,
    model: found.model,
    promptVersion: found.prompt_version,
    openedAt: found.opened_at,
    resolvedAt: found.resolved_at,
    createdAt: found.created_at,
    updatedAt: found.updated_at,
  };
}
