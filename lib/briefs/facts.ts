import type { BriefFacts, DocumentChange, DocumentFact, RiskFact } from '../db/brief-types.ts';
import { blockerFacts } from './blocker-facts.ts';
import type { Fact } from './contract.ts';
import { emailFacts } from './email-facts.ts';
import { ended, fact, LONGEST_PASSAGE, type NewFact, type Reader } from './fact.ts';
import { clip, count, firstSentence, listOf, plain, quoted } from './plain.ts';

/** What the database says of a deal, in plain words and numbered. Says nothing that does not stand there. */
export function factsOf(found: BriefFacts, reader: Reader): Fact[] {
  const all = [
    ...riskFacts(found.risks),
    ...blockerFacts(found.blockers, reader),
    ...documentFacts(found.documents),
    ...emailFacts(found.emails),
    ...syncFacts(found.syncs),
  ];
  return all.map((fact, index) => ({ id: `f${index + 1}`, must: false, news: true, values: {}, ...fact }));
}

export const SEVERITIES = ['critical', 'high', 'medium', 'low'] as const;

function riskFacts({ counts, list }: BriefFacts['risks']): NewFact[] {
  const total = sum(counts);
  const parts = SEVERITIES.filter((severity) => counts[severity]).map((severity) => `${counts[severity]} ${severity}`);
  const summary = total > 1 ? [fact('risks', `${count(total, 'new risk')} were found: ${listOf(parts)}.`, { values: counts })] : [];
  const rest = total - list.length;
  const more = rest > 0 ? [fact('risks', `${count(rest, 'more risk')} ${rest === 1 ? 'is' : 'are'} not listed here.`, { values: { rest } })] : [];
  return [...summary, ...list.map(riskFact), ...more];
}

function riskFact(risk: RiskFact): NewFact {
  const { document, category, severity, explanation, quote, page } = risk;
  const place = `${quoted(document)}${page === null ? '' : `, page ${page}`}`;
  const passage = plain(quote) === '' ? '' : ` The passage reads: ${quoted(quote, LONGEST_PASSAGE)}.`;
  const why = plain(explanation) === '' ? '' : ` ${ended(clip(plain(explanation), LONGEST_PASSAGE))}`;
  const text = `New ${severity} risk (${category.replaceAll('_', ' ')}) in ${place}.${why}${passage}`;
  return fact('risks', text, { must: severity === 'critical' || severity === 'high', values: { ...risk } });
}

const CHANGES: Readonly<Record<DocumentChange, string>> = {
  added: 'was added',
  changed: 'was changed',
  removed: 'was removed',
  unreadable: 'cannot be read',
};
const MANY: Readonly<Record<DocumentChange, string>> = {
  added: 'were added',
  changed: 'were changed',
  removed: 'were removed',
  unreadable: 'cannot be read',
};
const CHANGE_ORDER = ['added', 'changed', 'unreadable', 'removed'] as const;

function documentFacts({ counts, list }: BriefFacts['documents']): NewFact[] {
  const shown = CHANGE_ORDER.filter((change) => counts[change]);
  const total = shown.reduce((all, change) => all + (counts[change] ?? 0), 0);
  const parts = shown.map((change, index) => changed(counts[change] ?? 0, change, index === 0));
  const summary = total > 1 ? [fact('documents', `${listOf(parts)}.`, { values: counts })] : [];
  const rest = total - list.length;
  const more =
    rest > 0 ? [fact('documents', `${count(rest, 'more document')} ${rest === 1 ? 'is' : 'are'} not listed here.`, { values: { rest } })] : [];
  const passing = counts.passing ?? 0;
  const gone =
    passing > 0
      ? [fact('documents', `${count(passing, 'document')} ${passing === 1 ? 'was' : 'were'} added and removed again.`, { values: { passing } })]
      : [];
  return [...summary, ...list.map(documentFact), ...more, ...gone];
}

function changed(number: number, change: DocumentChange, first: boolean): string {
  const verb = number === 1 ? CHANGES[change] : MANY[change];
  return first ? `${count(number, 'document')} ${verb}` : `${number} ${verb}`;
}

function documentFact(document: DocumentFact): NewFact {
  const { name, change, reason } = document;
  const said = `${quoted(name)} ${CHANGES[change]}`;
  if (change === 'removed') return fact('documents', `${said}.`, { values: { ...document } });
  if (change === 'unreadable') {
    const why = reason === null ? '.' : `: ${ended(clip(plain(reason), LONGEST_PASSAGE))}`;
    return fact('documents', `${said}${why}`, { must: true, values: { ...document } });
  }
  return fact('documents', `${said}${kindOf(document)}.${stateOf(document)}`, { values: { ...document } });
}

function kindOf({ change, version, documentType, workstream, pages }: DocumentFact): string {
  const parts = [
    ...(change === 'changed' && version !== null ? [`now version ${version}`] : []),
    ...(documentType === null ? [] : [clip(plain(documentType), 80)]),
    ...(workstream === null ? [] : [`workstream ${workstream}`]),
    ...(pages === null ? [] : [count(pages, 'page')]),
  ];
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

function stateOf({ status, summary }: DocumentFact): string {
  if (status === 'waiting' || status === 'reading') return ' It has not been read yet.';
  if (status === 'cancelled') return ' Its reading was cancelled.';
  const about =
    summary === null || plain(summary) === '' ? '' : ` Its summary begins: ${quoted(firstSentence(summary, LONGEST_PASSAGE), LONGEST_PASSAGE)}.`;
  if (status === 'processing') return `${about} It is still being analysed.`;
  return status === 'partial' ? `${about} Part of its analysis failed.` : about;
}

function syncFacts(syncs: BriefFacts['syncs']): NewFact[] {
  return syncs.map((sync) => {
    const times = sync.count === 1 ? 'failed' : `failed ${sync.count} times`;
    const error = sync.error === null || plain(sync.error) === '' ? '.' : `; the last error: ${quoted(sync.error, LONGEST_PASSAGE)}.`;
    return fact('syncs', `The sync of ${quoted(sync.sourceType)} ${times}${error}`, { must: true, values: { ...sync } });
  });
}

const sum = (counts: Partial<Record<string, number>>): number => Object.values(counts).reduce<number>((all, one) => all + (one ?? 0), 0);
