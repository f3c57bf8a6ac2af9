import { createHash } from 'node:crypto';
import { type RiskCategory, SEVERITIES, type Severity } from './categories.ts';

/** A risk whose passage stands in the document: `text.slice(start, end)`. */
export interface Finding {
  category: RiskCategory;
  severity: Severity;
  explanation: string;
  quote: string;
  start: number;
  end: number;
  page: number | null;
  section: string[];
}

/** One finding for what overlaps in the same category, and for the same words said twice: the more severe one, else the one that came first. */
export function merged(findings: readonly Finding[]): Finding[] {
  const kept: Finding[] = [];
  const keys = new Set<string>();
  for (const finding of bySeverity(findings)) {
    const key = findingKey(finding);
    if (keys.has(key) || kept.some((other) => other.category === finding.category && overlaps(other, finding))) continue;
    keys.add(key);
    kept.push(finding);
  }
  return kept;
}

/** Most severe first, else as given. */
export function bySeverity(findings: readonly Finding[]): Finding[] {
  const rank = ({ severity }: Finding): number => SEVERITIES.indexOf(severity);
  return [...findings].sort((one, other) => rank(other) - rank(one));
}

export function overlaps(one: Pick<Finding, 'start' | 'end'>, other: Pick<Finding, 'start' | 'end'>): boolean {
  return one.start < other.end && other.start < one.end;
}

/** The same for the same words in the same category, however they are set. */
export function findingKey({ category, quote }: Pick<Finding, 'category' | 'quote'>): string {
  const plain = quote
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
  return createHash('sha256').update(`${category}\n${plain}`).digest('hex').slice(0, 32);
}
