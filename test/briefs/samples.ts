import { randomUUID } from 'node:crypto';
import type { BriefFacts, BriefWindow } from '../../lib/db/brief-types.ts';
import type { Deal, DealDocument, DealEmail, NewDeal, NewEmail } from '../../lib/db/deal-types.ts';
import type { Db } from '../../lib/db/types.ts';
import { begin, newDeal, newDocument, newEmail, perform, record, type Work } from '../db/deal-samples.ts';

/** What no edition has told of. */
export const untold = (changes: Partial<BriefWindow> = {}): BriefWindow => ({
  report: 'daily',
  date: '2026-11-22',
  to: new Date().toISOString(),
  untold: true,
  ...changes,
});

export const dealIn = (db: Db, changes: Partial<NewDeal> = {}, userId: string | null = null): Promise<Deal> =>
  db.deals.create(newDeal(changes), userId);

/** Added, not read: with all that a brief says of it. */
export async function documentIn(
  db: Db,
  deal: Pick<Deal, 'id'>,
  name: string,
  found: { summary?: string; workstream?: string } = {},
): Promise<DealDocument> {
  const { document } = await db.documents.create(newDocument(deal, { name }));
  if (found.summary) await perform(db, document, 'summarize', { summary: found.summary, keyPoints: [] });
  if (found.workstream)
    await perform(db, document, 'classify', { workstream: found.workstream, documentType: 'share purchase agreement', confidence: 0.9 });
  return document;
}

export const risk = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  key: randomUUID(),
  category: 'change_of_control',
  severity: 'high',
  explanation: 'The customer may terminate when the company is sold',
  quote: 'may terminate upon a Change of Control',
  page: 12,
  section: [],
  ...changes,
});

export const risksIn = (db: Db, document: DealDocument, risks: unknown[]): Promise<Work> =>
  perform(db, document, 'extract_risks', { risks, model: 'local', promptVersion: '1' });

export async function emailIn(
  db: Db,
  deal: Pick<Deal, 'id'>,
  changes: Partial<NewEmail> = {},
  rated?: { label: string; score: number; urgency: string },
): Promise<DealEmail> {
  const { email } = await db.emails.create(newEmail(deal, changes));
  if (rated) await perform(db, email, 'analyze_sentiment', { ...rated, model: 'local', promptVersion: '1' });
  return email;
}

export const owed = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  what: 'the signed NDA',
  owedBy: 'Ann Lee',
  owedTo: 'Bob Ray',
  dueDate: '2026-11-20',
  messageIds: [],
  ...changes,
});

/** As after a mail of this thread: the blocker it has now, or none. */
export async function blockerIn(db: Db, deal: Pick<Deal, 'id'>, threadId: string, blocker: Record<string, unknown> | null): Promise<void> {
  const email = await emailIn(db, deal, { threadId, subject: `About ${threadId}` });
  const threadSize = (await db.emails.list({ limit: 100, dealId: deal.id, threadId })).items.length;
  const whole = blocker && { status: 'open', summary: 'Nobody has signed', items: [owed()], messageIds: [], resolvedBy: [], ...blocker };
  await perform(db, email, 'detect_blocker', { threadId, threadSize, subject: email.subject, blocker: whole, model: 'local', promptVersion: '1' });
}

export const factsIn = async (db: Db, deal: Pick<Deal, 'id'>, window: BriefWindow = untold()): Promise<BriefFacts> =>
  (await db.briefs.facts(deal.id, window)) ?? Promise.reject(new Error('the deal is gone'));

/** What a worker records of `facts`, as small as it gets. */
export const changesOf = (facts: BriefFacts, changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  briefId: facts.briefId ?? randomUUID(),
  editionId: randomUUID(),
  report: 'daily',
  date: '2026-11-22',
  edition: facts.edition + 1,
  trigger: 'manual',
  dueAt: null,
  late: false,
  coversFrom: facts.from,
  coversTo: facts.to,
  content: { version: 1, title: 'Daily brief' },
  markdown: '# A brief',
  html: '<h1>A brief</h1>',
  model: 'local',
  promptVersion: '1',
  eventIds: facts.eventIds,
  channels: { mail: true, webhook: true },
  ...changes,
});

/** Begun by a job of its own. */
async function begunBrief(db: Db, deal: Pick<Deal, 'id'>): Promise<Work> {
  const jobId = `daily-brief-${randomUUID()}`;
  const work: Work = { subject: 'brief', key: jobId, operation: 'generate', dealId: deal.id, queue: 'daily-brief', jobId, runId: randomUUID() };
  await begin(db, work);
  return work;
}

export async function recorded(db: Db, deal: Pick<Deal, 'id'>, changes: Record<string, unknown>): Promise<boolean> {
  return record(db, await begunBrief(db, deal), changes);
}
