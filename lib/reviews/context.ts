import type { Ai, Generation } from '../ai/contract.ts';
import { type Origin, originOf as originWith } from '../ai/origin.ts';
import type { JobMeta } from '../jobs/envelope.ts';
import type { Logger } from '../log.ts';
import type { Progress } from '../queue/processor.ts';
import { REVIEW_RULES_VERSION } from './version.ts';

/** What the review jobs use of a job's context. */
export interface ReviewContext {
  ai: Ai;
  meta: Pick<JobMeta, 'force'>;
  signal: AbortSignal;
  progress(progress: Progress): void;
  log: Logger;
}

/** Tells how far the job is; throws when it was stopped meanwhile. */
export function stepper<const Steps extends readonly string[]>(
  { signal, progress }: ReviewContext,
  steps: Steps,
): (step: Steps[number] | 'done') => void {
  return (step) => {
    signal.throwIfAborted();
    progress({ progress: step === 'done' ? steps.length : steps.indexOf(step), total: steps.length, current_step: step });
  };
}

export const originOf = (generation: Generation<unknown>): Origin => originWith(generation, `rules ${REVIEW_RULES_VERSION}`);
