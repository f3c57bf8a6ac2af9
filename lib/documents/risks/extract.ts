import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Origin, originOf } from '../../ai/origin.ts';
import type { RisksResult } from '../../jobs/document-processing.ts';
import type { StepDone } from '../../relay/step-job.ts';
import { ask } from '../insight/ask.ts';
import { headOf, type InsightContext, type ReadyDocument } from '../insight/document.ts';
import { mapAtOnce, markedText, type Part, partsOf } from '../insight/parts.ts';
import { firstSentences, plainText } from '../insight/plain-text.ts';
import { createQuoteFinder, documentText } from '../text.ts';
import { risksAnswer, type SaidRisk } from './answer.ts';
import { bySeverity, type Finding, findingKey, merged, overlaps } from './findings.ts';
import { ALWAYS, findByRules, RISK_RULES_VERSION } from './rules.ts';

export interface RisksChanges {
  risks: (Omit<Finding, 'start' | 'end'> & { key: string })[];
  model: string;
  promptVersion: string;
}

/** Of one document: more is not read by anybody. */
const MOST_RISKS = 200;
/** Characters: a longer passage hides what it is about. */
const LONGEST_QUOTE = 1_200;
const LONGEST_EXPLANATION = 500;
const MOST_SENTENCES = 2;

export const RISKS_PROMPTS = ['document-risks'] as const;
export const RISKS_VERSION = `parts 1, ${RISK_RULES_VERSION}`;

/**
 * Has the configured model look for risks, part by part, and keeps those whose quote stands in the part. Changes of control and bans on assignment
 * that it missed are added by the word rules. Overlapping findings are one; the most severe come first.
 */
export async function extractRisks(document: ReadyDocument, context: InsightContext): Promise<StepDone<RisksResult> & { changes: RisksChanges }> {
  const { log, progress } = context;
  const parts = partsOf(document.chunks);
  let done = 0;
  progress({ progress: 0, total: parts.length, current_step: 'reading' });
  const found = await mapAtOnce(parts, async (part) => {
    const inPart = await findInPart(document, part, context);
    done += 1;
    progress({ progress: done, total: parts.length, current_step: 'looking for risks' });
    return inPart;
  });
  const all = bySeverity(merged(found.flatMap(({ findings }) => findings)));
  const kept = all.slice(0, MOST_RISKS);
  const dropped = sum(found, ({ dropped }) => dropped);
  const byRules = sum(found, ({ byRules }) => byRules);
  log.info(
    { event: 'document.risks', documentId: document.id, kept: kept.length, leftOut: all.length - kept.length, dropped, byRules },
    'risks found',
  );
  const origin = found[0]?.origin ?? { provider: context.ai.provider, model: context.ai.model, promptVersion: '' };
  return { result: { documentId: document.id, risks: kept.length, dropped, ...origin }, changes: changesOf(kept, origin) };
}

interface Found {
  findings: Finding[];
  /** Without a passage in the text. */
  dropped: number;
  /** That the model had missed. */
  byRules: number;
  origin: Origin;
}

async function findInPart(document: ReadyDocument, part: Part, context: InsightContext): Promise<Found> {
  const data = { ...headOf(document), part: `${part.number} of ${part.of}`, text: markedText(part) };
  const generation = await ask(context, { prompt: 'document-risks', schema: risksAnswer, data, maxOutputTokens: 5_000 });
  const { risks } = generation.value;
  const verifier = createVerifier(part);
  const said = await verifier.verified(risks);
  // The local provider has used the same rules.
  const byRules = generation.provider === 'local' ? [] : await verifier.verified(await findByRules(verifier.text, ALWAYS));
  const missed = byRules.filter((finding) => !said.some((other) => other.category === finding.category && overlaps(other, finding)));
  return {
    findings: [...said, ...missed],
    dropped: risks.length - said.length,
    byRules: missed.length,
    origin: originOf(generation, RISK_RULES_VERSION),
  };
}

interface Verifier {
  text: string;
  /** Without those whose passage does not stand in the part. */
  verified(said: readonly SaidRisk[]): Promise<Finding[]>;
}

/** Passages looked for without letting the event loop have its turn: each takes time in proportion to the part. */
const AT_ONCE = 2;

function createVerifier(part: Part): Verifier {
  const { text, pageAt, sectionAt } = documentText(part.chunks);
  const finder = createQuoteFinder(text);
  // Parts do not overlap; places in different parts are kept apart.
  const offset = part.number * FAR;
  const verify = ({ category, severity, explanation, quote }: SaidRisk): Finding[] => {
    const found = finder.find(withoutMarks(quote));
    if (!found) return [];
    const quoted = found.quote.length > LONGEST_QUOTE ? found.quote.slice(0, LONGEST_QUOTE).replace(/\s+\S*$/u, '') : found.quote;
    return [
      {
        category,
        severity,
        explanation: firstSentences(plainText(explanation, LONGEST_EXPLANATION), MOST_SENTENCES),
        quote: quoted,
        start: offset + found.start,
        end: offset + found.start + quoted.length,
        page: pageAt(found.start) ?? null,
        section: sectionAt(found.start),
      },
    ];
  };
  return {
    text,
    verified: async (said) => {
      const findings: Finding[] = [];
      for (const [index, each] of said.entries()) {
        if (index % AT_ONCE === 0) await nextTurn();
        findings.push(...verify(each));
      }
      return findings;
    },
  };
}

/** More characters than any part has. */
const FAR = 2 ** 32;

/** Of pages, which models copy with the text around them. */
function withoutMarks(quote: string): string {
  return quote.replace(/\s*\[page \d+\]\s*/gu, ' ');
}

function changesOf(findings: readonly Finding[], { model, promptVersion }: Origin): RisksChanges {
  const risks = findings.map((finding) => {
    const { category, severity, explanation, quote, page, section } = finding;
    return { key: findingKey(finding), category, severity, explanation, quote, page, section };
  });
  return { risks, model, promptVersion };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
