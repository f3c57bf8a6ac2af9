import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Bench, type Figure, median } from './report.ts';

/** What one process measured. */
interface Run {
  /** Of its first analysis, with threads to start and code to load. */
  firstMs: number;
  /** Of its last. */
  ms: number;
  /** Of the whole process, the vectors included, in MiB. */
  peakMb: number;
  k: number;
  tried: number[];
}

const RUNNER = fileURLToPath(new URL('./analysis-run.ts', import.meta.url));
/** The baseline of 20,000 answers takes minutes. */
const LONGEST_MS = 20 * 60_000;
const BASELINE = 'umap-js and ml-kmeans as they come';

async function run(side: 'ours' | 'plain', answers: number, rounds: number, tried: readonly number[] = []): Promise<Run> {
  const args = [RUNNER, side, String(answers), String(rounds), tried.join(',')];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: LONGEST_MS, maxBuffer: 1 << 20 });
  // Printed by the process above.
  return JSON.parse(stdout) as Run;
}

async function several(times: number, ...args: Parameters<typeof run>): Promise<Run & { n: number }> {
  const runs: Run[] = [];
  for (let time = 0; time < times; time += 1) runs.push(await run(...args));
  const [first] = runs;
  if (!first) throw new Error('Nothing was run');
  const middle = (of: 'ms' | 'firstMs'): number => median(runs.map((each) => each[of]));
  return { ...first, ms: middle('ms'), firstMs: middle('firstMs'), peakMb: Math.max(...runs.map(({ peakMb }) => peakMb)), n: times };
}

type Measured = Pick<Run, 'firstMs' | 'ms' | 'peakMb'>;

function compare(bench: string, ours: Measured & { n: number }, baseline: string, other: Measured): Figure[] {
  const lower = (name: string, unit: string, value: number, baselineValue: number): Figure => ({
    bench: name,
    unit,
    value,
    baseline,
    baselineValue,
    ratio: baselineValue / value,
    n: ours.n,
  });
  return [
    lower(bench, 'ms', ours.ms, other.ms),
    lower(`${bench}.first`, 'ms', ours.firstMs, other.firstMs),
    lower(`${bench}.memory`, 'MiB', ours.peakMb, other.peakMb),
  ];
}

/** Both sides compute the two layouts and try the same numbers of themes, each in a process of its own. */
const against = (answers: number, times: { ours: number; plain: number; rounds: number }): Bench => ({
  name: `analysis.${answers}`,
  about: `${answers.toLocaleString('en')} answers of 1,536 dimensions: neighbours, layouts in 8 and 2 dimensions, sweep of k; in a process at work, the first of a process, and its peak memory`,
  async run() {
    const ours = await several(times.ours, 'ours', answers, times.rounds);
    const plain = await several(times.plain, 'plain', answers, times.rounds, ours.tried);
    return compare(`analysis.${answers}`, ours, BASELINE, plain);
  },
});

/** umap-js would take a quarter of an hour and most of the memory of a server: how time grows is what can be said. */
const growth: Bench = {
  name: 'analysis.50000',
  about: '50,000 answers; against fifty times what 1,000 take',
  async run() {
    const { ms, firstMs, peakMb } = await several(3, 'ours', 1_000, 2);
    const large = await several(1, 'ours', 50_000, 1);
    return compare('analysis.50000', large, '1,000 answers, times 50', { ms: ms * 50, firstMs: firstMs * 50, peakMb: peakMb * 50 });
  },
};

export const analysisBenches: Bench[] = [
  against(1_000, { ours: 5, plain: 3, rounds: 2 }),
  against(5_000, { ours: 3, plain: 1, rounds: 2 }),
  against(20_000, { ours: 1, plain: 1, rounds: 1 }),
  growth,
];
