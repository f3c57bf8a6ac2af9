import Table from 'cli-table3';
import type { Section } from './kind.ts';
import type { KindOutcome } from './run.ts';
import { seconds, wrap } from './text.ts';

export interface DemoTimes {
  /** From the start of the process until the API answered. */
  bootMs: number;
  totalMs: number;
}

/** The results, for people; paragraphs are broken at `width` characters. */
export function renderReport(outcomes: readonly KindOutcome[], credits: Section, times: DemoTimes, width: number): string {
  const sections = [...outcomes.map(({ report }) => report), credits].map((section) => renderSection(section, width));
  return [...sections, renderEnding(outcomes, times), wrap(NEXT, width)].join('\n\n');
}

const NEXT =
  'All of it ran in this process and in a temporary folder that is removed now. To keep it running: npm start prints where the API listens and a key; /docs there has every route to try out, and /admin/queues shows the queues.';

function renderSection({ caption, head, rows, notes }: Section, width: number): string {
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  table.push(...rows);
  const shown = rows.length > 0 ? `${wrap(caption, width)}\n${table.toString()}` : wrap(caption, width);
  return [
    shown,
    ...notes.map((note) =>
      note
        .split('\n')
        .map((line) => wrap(line, width))
        .join('\n'),
    ),
  ].join('\n\n');
}

function renderEnding(outcomes: readonly KindOutcome[], { bootMs, totalMs }: DemoTimes): string {
  const completed = outcomes.reduce((sum, outcome) => sum + outcome.completed.length, 0);
  const failures = outcomes.flatMap(({ failed }) => failed);
  const times = `in ${seconds(totalMs)}, of which ${seconds(bootMs)} to start`;
  if (failures.length === 0) return `All ${completed} jobs done ${times}.`;
  const lines = failures.map(({ job, error }) => `  ${job.queue}, “${job.title}” (job ${job.jobId}): ${error}`);
  return [`${failures.length} of ${completed + failures.length} jobs failed, ${times}:`, ...lines].join('\n');
}

/** The results, for programs. */
export function toJson(outcomes: readonly KindOutcome[], credits: Section, { bootMs, totalMs }: DemoTimes): Record<string, unknown> {
  const kinds = outcomes.map(({ kind, completed, failed, report, durationMs }) => [
    kind.name,
    {
      completed: completed.length,
      failed: failed.map(({ job, error }) => ({ ...job, error })),
      durationMs: Math.round(durationMs),
      ...report.data,
    },
  ]);
  return {
    ok: hasSucceeded(outcomes),
    bootMs: Math.round(bootMs),
    totalMs: Math.round(totalMs),
    kinds: Object.fromEntries(kinds),
    credits: credits.data,
  };
}

export function hasSucceeded(outcomes: readonly KindOutcome[]): boolean {
  return outcomes.every(({ failed }) => failed.length === 0);
}
