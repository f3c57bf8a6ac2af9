import type { BriefFacts } from '../db/brief-types.ts';
import type { BriefSentence, Fact } from './contract.ts';
import { SEVERITIES } from './facts.ts';
import { count, listOf } from './plain.ts';

/** What changed, in counts: the worst first. */
export function headlineOf(found: BriefFacts, facts: readonly Fact[]): BriefSentence {
  const parts = [risks(found), blockers(found), documents(found), emails(found), syncs(found)].filter((part) => part !== '');
  const text = parts.length === 0 ? 'Some things changed, and have changed back since.' : `${listOf(parts)}.`;
  return { text: text.charAt(0).toUpperCase() + text.slice(1), facts: facts.filter(({ news }) => news).map(({ id }) => id) };
}

function risks({ risks: { counts } }: BriefFacts): string {
  const found = SEVERITIES.filter((severity) => counts[severity]);
  const total = found.reduce((sum, severity) => sum + (counts[severity] ?? 0), 0);
  if (total === 0) return '';
  const [worst] = found;
  return total === 1 ? `1 new ${worst} risk` : `${total} new risks (${found.map((severity) => `${counts[severity]} ${severity}`).join(', ')})`;
}

function blockers({ blockers: { list } }: BriefFacts): string {
  const open = list.filter(({ status }) => status === 'open').length;
  const resolved = list.length - open;
  const parts = [
    ...(open > 0 ? [`${count(open, 'blocker')} new or changed`] : []),
    ...(resolved > 0 ? [`${open > 0 ? resolved : count(resolved, 'blocker')} resolved`] : []),
  ];
  return parts.join(', ');
}

function documents({ documents: { counts } }: BriefFacts): string {
  const parts = (['added', 'changed', 'removed'] as const).filter((change) => counts[change]).map((change) => `${counts[change]} ${change}`);
  const unreadable = counts.unreadable ? [`${counts.unreadable} unreadable`] : [];
  return parts.length + unreadable.length === 0 ? '' : `documents: ${[...parts, ...unreadable].join(', ')}`;
}

function emails({ emails: { added, urgentCount } }: BriefFacts): string {
  if (added === 0) return urgentCount > 0 ? count(urgentCount, 'urgent e-mail') : '';
  return `${count(added, 'e-mail')}${urgentCount > 0 ? ` (${urgentCount} urgent)` : ''}`;
}

const syncs = ({ syncs: { length } }: BriefFacts): string => (length === 0 ? '' : `syncs of ${count(length, 'source')} failed`);
