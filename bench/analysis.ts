import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Bench, type Figure, median } from './report.ts';

/** What one process measured. */
interface Run {
  ms: number;
  /** Of the whole process, the vectors included, in MiB. */
  peakMb: number;
  k: number;
  tried: number[];
  parts: Record<string, number>;
}

const RUNNER = fileURLToPath(new URL('./analysis-run.ts', import.meta.url));
/** The baseline of 20,000 answers takes minutes. */
const LONGEST_MS = 20 * 60_000;
const BASELINE = 'umap-js and ml-kmeans as they come';

async function run(side: 'ours' | 'plain', answers: number, tried: readonly number[] = []): Promise<Run> {
  const args = [RUNNER, side, String(answers), tried.join(',')];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: LONGEST_MS, maxBuffer: 1 << 20 });
  // Printed by the process above.
  return JSON.parse(stdout) as Run;
}

async function several(times: number, side: 'ours' | 'plain', answers: number, tried: readonly number[] = []): Promise<Run & { n: number }> {
  const runs: Run[] = [];
  for (let time = 0; time < times; time += 1) runs.push(await run(side, answers, tried));
  const [first] = runs;
  if (!first) throw new Error('Nothing was run');
  return { ...first, ms: median(runs.map(({ ms }) => ms)), peakMb: Math.max(...runs.map(({ peakMb }) => peakMb)), n: times };
}

function compare(bench: string, ours: Run & { n: number }, baseline: string, plain: Pick<Run, 'ms' | 'peakMb'>): Figure[] {
  const common = { baseline, n: ours.n };
  return [
    { bench, unit: 'ms', value: ours.ms, baselineValue: plain.ms, ratio: plain.ms / ours.ms, ...common },
    { bench: `${bench}.memory`, unit: 'MiB', value: ours.peakMb, baselineValue: plain.peakMb, ratio: plain.peakMb / ours.peakMb, ...common },
  ];
}

/** Both sides compute the two layouts and try the same numbers of themes, each in a process of its own. */
const against = (answers: number, times: { ours: number; plain: number }): Bench => ({
  name: `analysis.${answers}`,
  about: `${answers.toLocaleString('en')} answers of 1,536 dimensions: neighbours, layouts in 8 and 2 dimensions, sweep of k; time and peak memory of the process`,
  async run() {
    const ours = await several(times.ours, 'ours', answers);
    const plain = await several(times.plain, 'plain', answers, ours.tried);
    return compare(`analysis.${answers}`, ours, BASELINE, plain);
  },
});

/** umap-js would take a quarter of an hour and most of the memory of a server: how time grows is what can be said. */
const growth: Bench = {
  name: 'analysis.50000',
  about: '50,000 answers; against fifty times what 1,000 take',
  async run() {
    const small = await several(3, 'ours', 1_000);
    const large = await several(1, 'ours', 50_000);
    return compare('analysis.50000', large, '1,000 answers, times 50', { ms: small.ms * 50, peakMb: small.peakMb * 50 });
  },
};

export const analysisBenches: Bench[] = [
  against(1_000, { ours: 5, plain: 3 }),
  against(5_000, { ours: 3, plain: 1 }),
  against(20_000, { ours: 1, plain: 1 }),
  growth,
];
