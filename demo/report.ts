import Table from 'cli-table3';
import type { KindOutcome } from './run.ts';
import { seconds, wrap } from './text.ts';

export interface DemoTimes {
  /** From the start of the process until the API answered. */
  bootMs: number;
  totalMs: number;
}

/** The results, for people. */
export function renderReport(outcomes: readonly KindOutcome[], { bootMs, totalMs }: DemoTimes): string {
  const ended = outcomes.reduce((sum, { completed }) => sum + completed.length, 0);
  const failures = outcomes.flatMap(({ failed }) => failed);
  const times = `in ${seconds(totalMs)}, ${seconds(bootMs)} of them for starting.`;
  const outcome =
    failures.length === 0
      ? `All ${ended} jobs done ${times}`
      : [
          `${failures.length} of ${ended + failures.length} jobs failed, ${times}`,
          ...failures.map(({ job, error }) => `  ${job.queue}, “${job.title}” (${job.jobId}): ${error}`),
        ].join('\n');
  return [...outcomes.map(renderKind), outcome, NEXT].join('\n\n');
}

const NEXT = wrap(
  'All of it ran in this process and in a temporary folder, which is gone now. To keep it: npm start prints where the API listens and a key; /docs there has every route to try out, /admin/queues shows the queues.',
);

function renderKind({ report }: KindOutcome): string {
  const parts = [wrap(report.caption)];
  if (report.rows.length > 0) {
    const table = new Table({ head: report.head, style: { head: [], border: [], compact: true } });
    table.push(...report.rows);
    parts.push(table.toString());
  }
  return [parts.join('\n'), ...report.notes].join('\n\n');
}

/** The results, for programs. */
export function toJson(outcomes: readonly KindOutcome[], { bootMs, totalMs }: DemoTimes): Record<string, unknown> {
  const kinds = outcomes.map(({ kind, completed, failed, report, durationMs }) => [
    kind.name,
    {
      completed: completed.length,
      failed: failed.map(({ job, error }) => ({ ...job, error })),
      durationMs: Math.round(durationMs),
      ...report.data,
    },
  ]);
  return { ok: hasSucceeded(outcomes), bootMs: Math.round(bootMs), totalMs: Math.round(totalMs), kinds: Object.fromEntries(kinds) };
}

export function hasSucceeded(outcomes: readonly KindOutcome[]): boolean {
  return outcomes.every(({ failed }) => failed.length === 0);
}
