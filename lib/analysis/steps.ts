import type { Clock } from '../clock.ts';
import type { Progress } from '../queue/processor.ts';

/** The part of the whole that each step takes, in percent: by what they take for a thousand new answers. */
const SHARES = { reading: 2, embedding: 48, reducing: 22, clustering: 8, naming: 17, saving: 3 } as const;
export type Step = keyof typeof SHARES;
const STEPS = Object.keys(SHARES) as Step[];

export interface Steps {
  /** The step begins; the one before it has ended. */
  begin(step: Step): void;
  /** `part` of 1 is done of a step, which begins where an earlier one was under way; `label` says more than its name: `embedding 320/1000`. Never goes back. */
  report(step: Step, part: number, label?: string): void;
  /** Milliseconds of each step so far. */
  milliseconds(): Record<string, number>;
}

/** What an analysis is at, for those who wait for it, and how long each step took. */
export function createSteps(show: (progress: Progress) => void, clock: Pick<Clock, 'monotonic'>): Steps {
  const took: Record<string, number> = {};
  let current: { step: Step; since: number } | undefined;
  let shown = 0;

  function report(step: Step, part: number, label: string = step): void {
    if (current && STEPS.indexOf(step) > STEPS.indexOf(current.step)) begin(step);
    const before = STEPS.slice(0, STEPS.indexOf(step)).reduce((sum, earlier) => sum + SHARES[earlier], 0);
    shown = Math.max(shown, Math.round(before + SHARES[step] * Math.min(1, part)));
    show({ progress: shown, total: 100, current_step: label });
  }

  function end(): void {
    if (current) took[current.step] = Math.round((took[current.step] ?? 0) + clock.monotonic() - current.since);
  }

  function begin(step: Step): void {
    end();
    current = { step, since: clock.monotonic() };
    report(step, 0);
  }

  return {
    begin,
    report,
    milliseconds() {
      end();
      if (current) current.since = clock.monotonic();
      return took;
    },
  };
}

/** `embedding 320/1000` */
export const counted = (step: Step, done: number, total: number): string => `${step} ${done}/${total}`;
