import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { createRandom } from '../lib/analysis/umap/random.ts';
import { startEmbeddingServer } from '../test/support/embedding-server.ts';
import type { TestProcess } from '../test/support/process.ts';
import { eventually, startWorld, type World } from '../test/support/world.ts';
import type { Bench, Figure } from './report.ts';

/** What the issue allows the event loop of a worker to be late, p99, in milliseconds. */
const ALLOWED_MS = 50;
const ANSWERS = 20_000;
const STORIES = 100;
const LOOP_DELAY = fileURLToPath(new URL('./loop-delay.ts', import.meta.url));
const LONGEST_MS = 15 * 60_000;

const WORDS =
  'the a more less parking bus train park tree library school street noise night pool river bridge market doctor house rent light water bike lane safe clean open late early cheap slow fast old new big small need want like hate love fix build stop start keep close'.split(
    ' ',
  );

async function conversation(world: World, answers: number, seed: number): Promise<string> {
  const { id } = await world.db.conversations.create({ userId: randomUUID(), title: 'What should the town do better?' });
  const random = createRandom(seed);
  const sentence = (row: number): string => `${Array.from({ length: 14 }, () => WORDS[random.below(WORDS.length)]).join(' ')} ${row}`;
  for (let from = 0; from < answers; from += 1_000) {
    const page = Array.from({ length: Math.min(1_000, answers - from) }, (_, row) => ({ text: sentence(from + row) }));
    await world.db.conversations.addAnswers(id, page);
  }
  return id;
}

async function settled(world: World, id: string): Promise<void> {
  const status = await eventually(async () => {
    const row = await world.db.conversations.get(id);
    return row && ['succeeded', 'failed', 'cancelled'].includes(row.analysisStatus) && row.analysisStatus;
  }, LONGEST_MS);
  if (status !== 'succeeded') throw new Error(`The analysis ended as ${status}: ${(await world.db.conversations.get(id))?.analysisError}`);
}

interface Delay {
  p50: number;
  p99: number;
  max: number;
}

async function delayOf(worker: TestProcess): Promise<Delay> {
  const seen = worker.lines.length;
  worker.kill('SIGUSR2');
  const line = await eventually(() => worker.lines.slice(seen).find((candidate) => candidate.includes('event loop delay')));
  // Printed by loop-delay.ts.
  return JSON.parse(line) as Delay;
}

async function startMeasured(world: World): Promise<TestProcess> {
  const worker = world.start(['--import', LOOP_DELAY, 'workers/main.ts'], { WORKER_ID: 'measured' });
  await worker.entry(({ message }) => message === 'worker started, waiting for jobs');
  return worker;
}

const figure = (bench: string, { p99 }: Delay, n: number): Figure => ({
  bench,
  value: p99,
  unit: 'ms',
  baseline: 'what is allowed',
  baselineValue: ALLOWED_MS,
  ratio: ALLOWED_MS / Math.max(p99, 0.1),
  n,
});

async function run(): Promise<Figure[]> {
  // Its answers are base64, as the vendor's; names and stories are made by the local rules.
  const server = await startEmbeddingServer({ latencyMs: 100, dimensions: 1_536 });
  const env = {
    LOG_LEVEL: 'info',
    POLL_INTERVAL_MS: '500',
    ANALYSIS_SAMPLE_LIMIT: `${ANSWERS}`,
    OPENAI_BASE_URL: server.baseUrl,
    STORY_ENHANCEMENT_AI_PROVIDER: 'local',
  };
  const world = await startWorld({ queue: 'redis', env });
  try {
    const worker = await startMeasured(world);
    const large = await conversation(world, ANSWERS, 1);
    await delayOf(worker);
    await ask(world, large);
    await settled(world, large);
    const alone = await delayOf(worker);
    const two = await Promise.all([conversation(world, 5_000, 2), conversation(world, 5_000, 3)]);
    const stories = await Promise.all(Array.from({ length: STORIES }, () => world.createStory()));
    await delayOf(worker);
    await Promise.all(two.map((id) => ask(world, id)));
    const jobs = await Promise.all(stories.map((story) => world.enhance(story)));
    await Promise.all([...jobs.map((id) => world.ended(id, LONGEST_MS)), ...two.map((id) => settled(world, id))]);
    const together = await delayOf(worker);
    const again = [...worker.lines].filter((line) => line.includes('"job started"') && !line.includes('"attempts":1'));
    if (again.length > 0) throw new Error(`${again.length} jobs were started more than once: ${again[0]}`);
    return [figure('analysis.loop', alone, ANSWERS), figure('analysis.loop.beside', together, STORIES + 2)];
  } finally {
    await world.stop();
    await server.stop();
  }
}

const ask = (world: World, conversationId: string) => world.db.jobRows.createAnalysis({ conversationId, options: {} });

export const loopBenches: Bench[] = [
  {
    name: 'analysis.loop',
    about: `how late a worker's event loop is (p99) during an analysis of ${ANSWERS.toLocaleString('en')} answers, and during two of 5,000 beside ${STORIES} stories; fails when a job had to be started twice`,
    run,
  },
];
