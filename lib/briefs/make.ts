/**
 * A brief of a deal: what changed since the last one, read from the database as numbered facts; told by a model that may say nothing else, or by us; and shown as
 * JSON, Markdown and HTML. Storing it marks what it tells of, in the same statement, so that each event is told by one edition.
 */
import { randomUUID } from 'node:crypto';
import type { Ai } from '../ai/contract.ts';
import type { Clock } from '../clock.ts';
import type { BriefFacts } from '../db/brief-types.ts';
import type { Db } from '../db/types.ts';
import { NotFoundError } from '../errors.ts';
import type { BriefResult } from '../jobs/daily-brief.ts';
import type { Logger } from '../log.ts';
import type { Progress } from '../queue/processor.ts';
import type { Store } from '../queue/store/types.ts';
import type { BriefContent, Fact } from './contract.ts';
import { factsOf } from './facts.ts';
import { lateNote } from './frame.ts';
import { headlineOf } from './headline.ts';
import { toHtml } from './html.ts';
import { longDate, longTime } from './local-time.ts';
import { toMarkdown } from './markdown.ts';
import { count, plain } from './plain.ts';
import type { BriefPlan } from './plan.ts';
import { BRIEF_RULES_VERSION, ownSections, type Prose, writeProse } from './prose.ts';

/** What briefs of this process share. */
export interface BriefDeps {
  /** `TIMEZONE`: of deals without their own. */
  timeZone: string;
  store: Pick<Store, 'acquire' | 'release'>;
  /** Where this process can send briefs to. */
  channels: { mail: boolean; webhook: boolean };
  /** An edition was stored: what is to be sent can go. */
  onRecorded: () => void;
}

export interface BriefContext {
  deps: { db: Pick<Db, 'briefs'>; clock: Clock; briefs: BriefDeps };
  ai: Ai;
  meta: { force?: boolean | undefined };
  progress(progress: Progress): void;
  log: Logger;
}

const STEPS = ['reading', 'writing', 'done'] as const;

/** The result for who asked, and what `record_deal_step` stores. Throws `NotFoundError`, and what `writeProse` throws. */
export async function makeBrief(dealId: string, plan: BriefPlan, context: BriefContext): Promise<{ result: BriefResult; changes: unknown }> {
  const { db, clock, briefs } = context.deps;
  const step = (name: (typeof STEPS)[number]) => context.progress({ progress: STEPS.indexOf(name), total: STEPS.length - 1, current_step: name });
  step('reading');
  const found = await db.briefs.facts(dealId, plan.window);
  if (found === undefined) throw new NotFoundError('Deal', dealId);
  const facts = factsOf(found, { date: plan.window.date, timeZone: plan.timeZone });
  const empty = !facts.some(({ news }) => news);
  step('writing');
  const prose = empty ? emptyProse(found, facts, plan) : await proseOf(found, facts, plan, context);
  const content = contentOf(dealId, plan, { found, facts, empty, prose, madeAt: new Date(clock.now()).toISOString() });
  step('done');
  const ids = { briefId: found.briefId ?? randomUUID(), editionId: randomUUID() };
  const untold = plan.window.untold ? found.eventIds : [];
  return { result: resultOf(content, ids), changes: changesOf(content, ids, untold, briefs.channels) };
}

function proseOf(found: BriefFacts, facts: Fact[], plan: BriefPlan, { ai, log, meta }: BriefContext): Promise<Prose> {
  const headline = headlineOf(found, facts);
  return writeProse({ deal: plain(found.deal), date: longDate(plan.window.date), facts, headline, ai, log, force: meta.force });
}

/** Honest and short: what stands open is named, no model is asked. */
function emptyProse({ from }: BriefFacts, facts: Fact[], { timeZone, window }: BriefPlan): Prose {
  const isPast = !window.untold && window.from !== undefined && window.report === 'daily';
  const text = isPast ? `Nothing changed on ${longDate(window.date)}.` : `Nothing changed since ${longTime(Date.parse(from), timeZone)}.`;
  return {
    headline: { text, facts: [] },
    sections: ownSections(facts),
    dropped: 0,
    provider: 'local',
    model: 'facts',
    promptVersion: BRIEF_RULES_VERSION,
  };
}

interface Made {
  found: BriefFacts;
  facts: Fact[];
  empty: boolean;
  prose: Prose;
  madeAt: string;
}

function contentOf(dealId: string, plan: BriefPlan, { found, facts, empty, prose, madeAt }: Made): BriefContent {
  const { timeZone, title, trigger, dueAt, late, window } = plan;
  const { report, date } = window;
  const left = found.left > 0 ? [`${count(found.left, 'more change')} ${window.untold ? 'left to the next edition' : 'not told here'}.`] : [];
  return {
    version: 1,
    dealId,
    deal: found.deal,
    report,
    title,
    date,
    timeZone,
    edition: found.edition + 1,
    trigger,
    dueAt,
    late,
    madeAt,
    coversFrom: found.from,
    coversTo: found.to,
    empty,
    notes: [...(late ? [lateNote({ dueAt, madeAt, timeZone, date })] : []), ...left],
    facts,
    ...prose,
  };
}

function resultOf(content: BriefContent, ids: { briefId: string; editionId: string }): BriefResult {
  const { dealId, date, edition, empty, late, facts, dropped, provider, model, promptVersion } = content;
  return { dealId, date, ...ids, edition, empty, late, facts: facts.length, dropped, provider, model, promptVersion };
}

/** See `hivepulse_record_brief`. */
function changesOf(
  content: BriefContent,
  ids: { briefId: string; editionId: string },
  eventIds: readonly number[],
  channels: BriefDeps['channels'],
): unknown {
  const { report, date, edition, trigger, dueAt, late, coversFrom, coversTo, model, promptVersion } = content;
  const told = { report, date, edition, trigger, dueAt, late, coversFrom, coversTo, model, promptVersion };
  return { ...ids, ...told, content, markdown: toMarkdown(content), html: toHtml(content), eventIds, channels };
}
