import { expect, it } from 'vitest';
import { MINUTE } from '../../lib/clock.ts';
import { planRuns } from '../../lib/schedules/plan.ts';

const NOW = Date.parse('2027-06-01T12:00:00Z');
const HOUR = 60 * MINUTE;

/** Due so many minutes ago; `asked late`, `skipped`, … of each. */
function planned(minutesAgo: readonly number[], policy: 'skip' | 'one' | 'all', windowMs = 12 * HOUR): string[] {
  const due = minutesAgo.map((minutes) => NOW - minutes * MINUTE);
  const plan = planRuns(due, NOW, { policy, windowMs }).sort((a, b) => a.dueAt - b.dueAt);
  return plan.map(({ outcome, late }) => (late && outcome === 'asked' ? 'asked late' : outcome));
}

it.each([
  ['what is due now is asked for, whatever the policy', 'skip', [1, 0], ['asked', 'asked']],
  ['skip leaves out what was missed', 'skip', [240, 70, 0], ['skipped', 'skipped', 'asked']],
  ['one catches up the last of what was missed', 'one', [240, 70, 0], ['skipped', 'asked late', 'asked']],
  ['all catches up each', 'all', [240, 70, 2, 0], ['asked late', 'asked late', 'asked', 'asked']],
  ['what is older than the window is left out', 'all', [721, 719], ['skipped', 'asked late']],
  ['also where it is the last', 'one', [900, 800], ['skipped', 'skipped']],
  ['a restart of two minutes is no delay to tell of', 'one', [2], ['asked']],
] as const)('%s', (_, policy, minutesAgo, expected) => {
  expect(planned(minutesAgo, policy)).toEqual(expected);
});

it('of a month without schedulers the latest are written down, after what is asked for', () => {
  const due = Array.from({ length: 1_000 }, (_, n) => NOW - (1_000 - n) * 30 * MINUTE);
  const plan = planRuns(due, NOW, { policy: 'one', windowMs: 12 * HOUR });
  expect(plan.map(({ dueAt }) => dueAt)).toEqual([due.at(-1), ...due.slice(-51, -1)]);
});
