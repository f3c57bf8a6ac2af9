import type { AlertMessage } from '../db/alert-types.ts';
import { duration, headline, time, wordsOf } from './words.ts';

/** One message, made of one alert or of many of a kind, as plain text. */
export interface Letter {
  /** The same when it is sent again. */
  id: string;
  /** One line that says it all. */
  subject: string;
  lines: string[];
}

/** Named one by one in a message about many. */
const MOST_NAMED = 10;
const HEADINGS = { firing: 'Alert', still: 'Still', over: 'Over' } as const;

/** `publicUrl`: where Bull Board is found. The messages are of one kind and phase; there is one at least. */
export function writeLetter(messages: readonly AlertMessage[], publicUrl: string): Letter | undefined {
  const [first, ...others] = messages;
  if (first === undefined) return undefined;
  const subject = others.length === 0 ? headline(first) : summary(first, messages);
  const over = first.phase === 'over';
  const lines = [
    `${HEADINGS[first.phase]} (${first.kind}): ${subject}.`,
    ...(others.length === 0 ? [timesOf(first)] : listed(messages)),
    ...(over ? [] : [`What to do: ${wordsOf(first.kind).toDo}`, ...places(first, others.length === 0, publicUrl)]),
  ];
  return { id: `${first.id}-${messages.length}`, subject: `${HEADINGS[first.phase]}: ${subject}`, lines: lines.filter((line) => line !== '') };
}

function summary({ kind, phase }: AlertMessage, messages: readonly AlertMessage[]): string {
  if (phase === 'over') return `${messages.length} alerts of the kind ${kind} are over`;
  const seen = messages.reduce((sum, { count }) => sum + count, 0);
  return kind === 'job_failed' ? `${seen} jobs failed for good, in ${messages.length} ways` : `${messages.length} alerts of the kind ${kind}`;
}

function listed(messages: readonly AlertMessage[]): string[] {
  const named = messages.toSorted((a, b) => b.count - a.count).slice(0, MOST_NAMED);
  const rest = messages.length - named.length;
  return [...named.map((message) => `- ${headline(message)}`), rest > 0 ? `- and ${rest} more` : ''];
}

function timesOf({ phase, since, at, count, total, kind }: AlertMessage): string {
  const lasted = duration(Math.max(0, Date.parse(at) - Date.parse(since)));
  if (phase === 'over') return `It lasted for ${lasted}, since ${time(since)}.`;
  const again = kind === 'job_failed' && total > count ? ` ${total} since then.` : '';
  return phase === 'still' || again !== '' ? `Since ${time(since)} (${lasted}).${again}` : `Since ${time(since)}.`;
}

function places({ kind, details }: AlertMessage, alone: boolean, publicUrl: string): string[] {
  const board = alone ? wordsOf(kind).board?.(details) : undefined;
  const runbook = `Runbook: docs/operations.md#${kind.replaceAll('_', '-')}`;
  return board === undefined ? [runbook] : [`${publicUrl.replace(/\/$/, '')}/admin/queues/${board}`, runbook];
}
