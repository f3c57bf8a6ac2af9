import type { LocalTask } from '../../ai/contract.ts';
import { WORKSTREAMS, type Workstream } from '../../jobs/document-processing.ts';
import { known } from '../insight/known.ts';
import type { ClassAnswer } from './answer.ts';
import terms from './terms.json' with { type: 'json' };
import { DOCUMENT_TYPES, type DocumentType } from './types.ts';

/** How much a term counts by where it stands. */
const FIELDS = { name: 3, title: 3, headline: 3, headings: 2, beginning: 1, samples: 0.5 } as const;
type Field = keyof typeof FIELDS;
// Object.keys is typed for objects with more keys than are known; this one is written above.
const FIELD_NAMES = Object.keys(FIELDS) as Field[];

/** Points that the type of a document gives to its workstream: about those of ten strong terms. */
const TYPE_BONUS = 12;
/** Points per root of a hundred words below which nothing of a deal was found. */
const LEAST = 3;
/** A document says what it is in its first words. */
const OPENING = 600;
const LONGEST_TERM = 4;

interface Weight {
  workstream: Workstream;
  weight: number;
}

const byTerm = new Map<string, Weight[]>();
const byPrefix: (Weight & { prefix: string })[] = [];
for (const [name, weights] of Object.entries(terms.workstreams)) {
  const workstream = known(WORKSTREAMS, name, 'terms.json');
  for (const [weight, list] of Object.entries(weights)) for (const term of list) addTerm(term, { workstream, weight: Number(weight) });
}
const typeRules = terms.types.map(({ type, workstream, pattern }) => ({
  type: known(DOCUMENT_TYPES, type, 'terms.json'),
  workstream: workstream === null ? undefined : known(WORKSTREAMS, workstream, 'terms.json'),
  pattern: new RegExp(pattern, 'iu'),
}));

/**
 * What the local provider does for `document-class`: weighs terms of each workstream and looks for the names of document types. English only;
 * deterministic. The confidence is the winner's share of what the first two have.
 */
const classifyLocally: LocalTask = (data): ClassAnswer => {
  const found = typeOf(data);
  const points = pointsOf({ ...data, headline: headlineOf(data.beginning ?? '') });
  if (found?.workstream) points.set(found.workstream, (points.get(found.workstream) ?? 0) + TYPE_BONUS);
  const [first, second] = [...points].sort(([, one], [, other]) => other - one);
  const documentType = found?.type ?? 'other';
  if (!first || first[1] < LEAST) return { workstream: 'other', documentType, confidence: 0.4 };
  return { workstream: first[0], documentType, confidence: first[1] / (first[1] + (second?.[1] ?? 0)) };
};

export default classifyLocally;

/** The first line, where it is short. */
function headlineOf(beginning: string): string {
  return /^\s*(.{1,120})$/mu.exec(beginning.slice(0, OPENING))?.[1] ?? '';
}

function typeOf(data: Readonly<Record<string, string>>): { type: DocumentType; workstream: Workstream | undefined } | undefined {
  const places = [data.title ?? '', (data.name ?? '').replaceAll('_', ' '), (data.beginning ?? '').slice(0, OPENING)];
  for (const place of places) {
    const first = typeRules
      .map((rule) => ({ rule, at: place.search(rule.pattern) }))
      .filter(({ at }) => at >= 0)
      .sort((one, other) => one.at - other.at)[0];
    if (first) return first.rule;
  }
  return undefined;
}

/** The logarithm keeps one word that is everywhere from deciding alone; the root of the length makes long and short texts comparable. */
function pointsOf(data: Readonly<Record<string, string>>): Map<Workstream, number> {
  const points = new Map<Workstream, number>();
  let length = 0;
  for (const field of FIELD_NAMES) {
    const words = wordsOf(data[field] ?? '');
    length += words.length * FIELDS[field];
    for (const [{ workstream, weight }, times] of countTerms(words)) {
      points.set(workstream, (points.get(workstream) ?? 0) + FIELDS[field] * weight * Math.log2(1 + times));
    }
  }
  const scale = Math.sqrt(Math.max(length, 50) / 100);
  return new Map([...points].map(([workstream, sum]) => [workstream, sum / scale]));
}

function countTerms(words: readonly string[]): Map<Weight, number> {
  const counts = new Map<Weight, number>();
  const count = (weight: Weight): void => {
    counts.set(weight, (counts.get(weight) ?? 0) + 1);
  };
  for (const [at, word] of words.entries()) {
    for (let length = 1; length <= LONGEST_TERM; length += 1) byTerm.get(words.slice(at, at + length).join(' '))?.forEach(count);
    for (const weight of byPrefix) if (word.startsWith(weight.prefix)) count(weight);
  }
  return counts;
}

function addTerm(term: string, weight: Weight): void {
  if (term.endsWith('*')) byPrefix.push({ ...weight, prefix: term.slice(0, -1) });
  else {
    const key = wordsOf(term).join(' ');
    byTerm.set(key, [...(byTerm.get(key) ?? []), weight]);
  }
}

/** Without the "s" of plurals. */
function wordsOf(text: string): string[] {
  const found =
    text
      .toLowerCase()
      .replaceAll('’', "'")
      .match(/[\p{L}\p{N}]+(?:['-][\p{L}\p{N}]+)*/gu) ?? [];
  return found.map((word) => (word.length > 3 ? word.replace(/(?:'s|(?<=[^s])s)$/u, '') : word));
}
