import { z } from 'zod';
import type { Brief, BriefDeliveryState, BriefEdition, BriefFacts, BriefsTable, BriefWork, ClaimedDelivery } from './brief-types.ts';
import { DOCUMENT_STATUSES } from './deal-types.ts';
import { newestFirst } from './newest-first.ts';
import { answer, type Client, callJson, firstRow, parseRow } from './rest.ts';
import { integer, isUuid, jsonText, numeric, timestamp } from './rows.ts';

/** More wait for the next edition. Their ids travel with the edition: some 160 kB. */
const MOST_EVENTS = 20_000;

const text = z.string().nullable();
const counts = z.record(z.string(), integer);
const words = text.transform((value) => value ?? '');

const documentFact = z.object({
  name: words,
  change: z.enum(['added', 'changed', 'removed', 'unreadable']),
  version: integer.nullable(),
  status: z.enum(DOCUMENT_STATUSES).nullable().catch(null),
  reason: text,
  workstream: text,
  documentType: text,
  summary: text,
  pages: integer.nullable(),
});
const riskFact = z.object({ document: words, category: words, severity: words, explanation: words, quote: words, page: integer.nullable() });
const item = z.object({ what: words, owedBy: text, owedTo: text, dueDate: text, messageIds: z.array(z.string()).catch([]) });
const blockerFact = z.object({
  subject: text,
  summary: words,
  items: z.array(item).catch([]),
  status: z.enum(['open', 'resolved']),
  kinds: z.array(z.string()),
  openedAt: timestamp,
});
const emailFact = z.object({ subject: text, from: text, score: numeric, label: text, urgency: text });

const facts: z.ZodType<BriefFacts> = z.object({
  deal: words,
  briefId: text,
  edition: integer,
  from: timestamp,
  to: timestamp,
  eventIds: z.array(integer),
  left: integer,
  documents: z.object({ counts, list: z.array(documentFact) }),
  risks: z.object({ counts, list: z.array(riskFact) }),
  blockers: z.object({ count: integer, list: z.array(blockerFact), before: z.object({ count: integer, list: z.array(blockerFact) }) }),
  emails: z.object({
    added: integer,
    threads: integer,
    analyzed: integer,
    mean: numeric.nullable(),
    labels: counts,
    urgentCount: integer,
    negative: z.array(emailFact),
    urgent: z.array(emailFact),
  }),
  syncs: z.array(z.object({ sourceType: z.string(), count: integer, error: text })),
});

const listed = z.object({
  id: z.string(),
  deal_id: z.string(),
  report: z.string(),
  date: z.string(),
  edition: integer,
  created_at: timestamp,
  updated_at: timestamp,
});
const whole = z.object({ content: z.unknown(), markdown: text, html: text });

function parseListed(value: unknown): Omit<Brief, 'content' | 'markdown' | 'html'> {
  const { deal_id, created_at, updated_at, ...found } = parseRow(listed, value, 'daily_briefs');
  return { ...found, dealId: deal_id, createdAt: created_at, updatedAt: updated_at };
}

const parseBrief = (value: unknown): Brief => ({ ...parseListed(value), ...parseRow(whole, value, 'daily_briefs') });

const edition = z.object({
  id: z.string(),
  edition: integer,
  trigger: z.enum(['schedule', 'manual']).catch('manual'),
  due_at: timestamp.nullable(),
  late: z.boolean(),
  covers_from: timestamp.nullable(),
  covers_to: timestamp,
  model: text,
  prompt_version: text,
  created_at: timestamp,
});
const EDITION = Object.keys(edition.shape).join(',');

function parseEdition(value: unknown): BriefEdition {
  const found = parseRow(edition, value, 'daily_brief_editions');
  return {
    id: found.id,
    edition: found.edition,
    trigger: found.trigger,
    dueAt: found.due_at,
    late: found.late,
    coversFrom: found.covers_from,
    coversTo: found.covers_to,
    model: found.model,
    promptVersion: found.prompt_version,
    createdAt: found.created_at,
  };
}

const delivery = z
  .object({
    edition_id: z.string(),
    channel: z.string(),
    status: z.enum(['pending', 'sending', 'sent', 'failed']),
    attempts: integer,
    error: text,
    updated_at: timestamp,
  })
  .transform(({ edition_id, updated_at, ...found }): BriefDeliveryState => ({ ...found, editionId: edition_id, updatedAt: updated_at }));

const claimed: z.ZodType<ClaimedDelivery> = z.object({
  editionId: z.string(),
  channel: z.string(),
  attempt: integer,
  dealId: z.string(),
  deal: words,
  report: z.string(),
  date: z.string(),
  edition: integer,
  content: z.unknown(),
  markdown: z.string(),
  html: z.string(),
});

/** Briefs to be read: as the service role, or as a signed-in member of the deal. */
export function createBriefsTable(client: Client): BriefsTable {
  async function ofEdition(brief: Brief, number: number): Promise<Brief | undefined> {
    const query = client.from('daily_brief_editions').select('content,markdown,html,created_at').eq('brief_id', brief.id).eq('edition', number);
    const found = firstRow(await answer(query.limit(1)));
    if (found === undefined) return undefined;
    const { created_at, ...texts } = parseRow(whole.extend({ created_at: timestamp }), found, 'daily_brief_editions');
    return { ...brief, ...texts, edition: number, updatedAt: created_at };
  }

  return {
    async list({ dealId, limit, cursor, report }) {
      if (!isUuid(dealId)) return { items: [], nextCursor: null };
      return newestFirst(client, 'daily_briefs', { limit, cursor, where: { deal_id: dealId, report } }, parseListed);
    },

    async get(dealId, date, { report = 'daily', edition: number } = {}) {
      if (!isUuid(dealId) || !z.iso.date().safeParse(date).success) return undefined;
      const query = client.from('daily_briefs').select().eq('deal_id', dealId).eq('date', date).eq('report', report);
      const found = firstRow(await answer(query.limit(1)));
      if (found === undefined) return undefined;
      const brief = parseBrief(found);
      return number === undefined || number === brief.edition ? brief : ofEdition(brief, number);
    },

    async editions(briefId) {
      if (!isUuid(briefId)) return [];
      const query = client.from('daily_brief_editions').select(EDITION).eq('brief_id', briefId).order('edition');
      return z
        .array(z.unknown())
        .parse(await answer(query))
        .map(parseEdition);
    },

    async deliveries(editionIds) {
      const ids = editionIds.filter(isUuid);
      if (ids.length === 0) return [];
      const query = client.from('brief_deliveries').select('edition_id,channel,status,attempts,error,updated_at').in('edition_id', ids);
      return z.array(delivery).parse(await answer(query.order('edition_id').order('channel')));
    },
  };
}

/** What makes and sends briefs, as the service role. */
export function createBriefWork(client: Client): BriefWork {
  return {
    async facts(dealId, window) {
      if (!isUuid(dealId)) return undefined;
      const args = { p_deal: dealId, p_window: jsonText({ ...window, most: MOST_EVENTS }) };
      return (await callJson(client, 'brief_facts', args, facts.nullable())) ?? undefined;
    },

    claimDeliveries: (claim, { mail, webhook }, limit) =>
      callJson(client, 'claim_brief_deliveries', { p_claim: claim, p_mail: mail, p_webhook: webhook, p_limit: limit }, z.array(claimed)),

    async finishDelivery(outcome) {
      const answered = await answer(client.rpc('finish_brief_delivery', { p_delivery: jsonText(outcome) }));
      return parseRow(z.enum(['pending', 'sent', 'failed']).nullable(), answered, 'finish_brief_delivery') ?? undefined;
    },
  };
}
