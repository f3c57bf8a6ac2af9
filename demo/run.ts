import type { DemoApi } from './api.ts';
import type { DemoKind, DemoTools, EndedJob, JobRef, Section } from './kind.ts';
import type { KindProgress, ProgressDisplay } from './progress.ts';

export interface KindOutcome {
  kind: DemoKind;
  completed: EndedJob[];
  /** With the reason each. */
  failed: { job: JobRef; error: string }[];
  report: Section;
  /** From the first request to the end of the last job. */
  durationMs: number;
}

export interface RunOptions {
  tools: DemoTools;
  display: ProgressDisplay;
  /** Characters of a line. */
  width: number;
}

/** Runs all kinds at the same time, as an installation would. */
export async function runKinds(kinds: readonly DemoKind[], options: RunOptions): Promise<KindOutcome[]> {
  const labelWidth = Math.max(...kinds.map(({ label }) => label.length));
  return Promise.all(kinds.map((kind) => runKind(kind, labelWidth, options)));
}

async function runKind(kind: DemoKind, labelWidth: number, { tools, display, width }: RunOptions): Promise<KindOutcome> {
  const startedAt = performance.now();
  const asks = await kind.prepare();
  const tracker = createTracker(display.begin(kind.label.padEnd(labelWidth), asks.length), asks.length);
  const following: Promise<EndedJob>[] = [];
  // One request after the other; the worker takes each job at once.
  for (const ask of asks) {
    const job = followJob(await ask(tools), tools.api, tracker);
    // Awaited below; until then nobody listens for its failure.
    job.catch(() => undefined);
    following.push(job);
  }
  const ended = await Promise.all(following);
  const durationMs = performance.now() - startedAt;
  const completed = ended.filter(({ ending }) => ending.state === 'completed');
  const failed = ended.flatMap(({ ending, ...job }) => (ending.state === 'completed' ? [] : [{ job, error: ending.error }]));
  return { kind, completed, failed, report: await kind.report(tools, completed, width), durationMs };
}

async function followJob(job: JobRef, api: DemoApi, tracker: Tracker): Promise<EndedJob> {
  const ending = await api.follow(job, ({ progress, total, current_step }) =>
    tracker.moved(job.jobId, total > 0 ? progress / total : 0, current_step),
  );
  tracker.ended(job.jobId);
  return { ...job, ending };
}

interface Tracker {
  /** `part`: what is done of the job, 0 to 1. */
  moved(jobId: string, part: number, step: string): void;
  ended(jobId: string): void;
}

/** Adds up what the single jobs tell. */
function createTracker(progress: KindProgress, total: number): Tracker {
  const parts = new Map<string, number>();
  let ended = 0;
  const show = (step?: string): void => {
    const sum = [...parts.values()].reduce((one, other) => one + other, 0);
    progress.update(sum, ended, step);
  };
  return {
    moved(jobId, part, step) {
      parts.set(jobId, part);
      show(step);
    },
    ended(jobId) {
      parts.set(jobId, 1);
      ended += 1;
      show(ended === total ? 'done' : undefined);
    },
  };
}
