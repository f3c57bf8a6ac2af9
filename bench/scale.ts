import { availableParallelism } from 'node:os';
import type { TestProcess } from '../test/support/process.ts';
import { eventually, startWorld, type World } from '../test/support/world.ts';
import { cpuMsOf, cpuMsOfTree, ownCpuMs } from './cost.ts';
import { type Bench, type Figure, figure } from './report.ts';

/** A model that answers after half a second, and few places: four processes must not be more than the cores can serve. */
const LATENCY_MS = 500;
const PLACES = 3;
const PROCESSES = [1, 2, 4] as const;
const ROUNDS = Number(process.env.SCALE_ROUNDS ?? 3);
const WINDOW_S = Number(process.env.SCALE_WINDOW_S ?? 20);
/** Stories that no place gets through in the time of a measurement. */
const SPARE = 1.3;
/** Enough places that nothing but the cores is the limit. */
const FULL_PLACES = 25;

interface Sample {
  /** Stories a second that were stored within the window. */
  rate: number;
  workerCpuMs: number;
  redisCpuMs: number;
  postgresCpuMs: number;
  /** This process: the model server and what stands between. */
  benchCpuMs: number;
  /** Worker CPU of one story. */
  cpuMsPerStory: number;
}

interface Load {
  processes: number;
  places: number;
}

async function measure(world: World, { processes, places }: Load): Promise<Sample> {
  // First: a worker that waits for its neighbours to start would have done the work of the others meanwhile.
  const workers: TestProcess[] = [];
  for (let number = 0; number < processes; number += 1) workers.push(await startWorker(world, places));
  const most = Math.min((places * processes * 1_000) / LATENCY_MS, MOST_A_SECOND);
  const before = (await world.writes()).size;
  await queueStories(world, Math.ceil(most * WINDOW_S * SPARE + 2 * places * processes));
  // All of them are at work: each has had the time to end a story in every place.
  await eventually(async () => (await world.writes()).size >= before + places * processes, 120_000);
  const sample = await window(world, workers);
  // What is left is for nobody.
  await Promise.all(workers.map((worker) => worker.stop()));
  await world.backend.queue('story-enhancement').obliterate({ force: true });
  return sample;
}

/** Its tables directly, without a Supabase API between: that would take its share of the cores of this machine. */
async function startWorker(world: World, places: number): Promise<TestProcess> {
  const direct = { DATABASE_URL: world.postgres.url, SUPABASE_URL: '', SUPABASE_SERVICE_ROLE_KEY: '', SUPABASE_PUBLISHABLE_KEY: '' };
  const worker = world.start('workers/main.ts', { LOG_LEVEL: 'info', STORY_ENHANCEMENT_CONCURRENCY: `${places}`, ...direct });
  await worker.entry(({ message }) => message === 'worker started, waiting for jobs', 120_000);
  return worker;
}

/** A machine of two cores stores fewer than this. */
const MOST_A_SECOND = 120;

async function queueStories(world: World, count: number): Promise<void> {
  const stories: { id: string }[] = [];
  while (stories.length < count) stories.push(...(await Promise.all(Array.from({ length: 20 }, () => world.createStory()))));
  await world.service.enqueueMany(stories.map(({ id }) => ({ queue: 'story-enhancement', name: 'enhance', payload: { storyId: id } })));
}

async function window(world: World, workers: readonly TestProcess[]): Promise<Sample> {
  const redisPid = world.redis?.pid ?? 0;
  const cpu = async () => ({
    workerCpuMs: (await Promise.all(workers.map(({ pid }) => cpuMsOf(pid)))).reduce((sum, one) => sum + one, 0),
    redisCpuMs: await cpuMsOf(redisPid),
    postgresCpuMs: await cpuMsOfTree(world.postgres.pid),
    benchCpuMs: ownCpuMs(),
  });
  const from = await cpu();
  await world.sql`select pg_sleep(${WINDOW_S})`;
  const [counted] = await world.sql<{ stored: number }[]>`
    select count(*)::int as stored from test_writes where at > clock_timestamp() - make_interval(secs => ${WINDOW_S})`;
  const to = await cpu();
  const stored = counted?.stored ?? 0;
  const used = (part: keyof typeof from): number => to[part] - from[part];
  return {
    rate: stored / WINDOW_S,
    workerCpuMs: used('workerCpuMs'),
    redisCpuMs: used('redisCpuMs'),
    postgresCpuMs: used('postgresCpuMs'),
    benchCpuMs: used('benchCpuMs'),
    cpuMsPerStory: used('workerCpuMs') / Math.max(1, stored),
  };
}

const coresOf = (sample: Sample): number => (sample.workerCpuMs + sample.redisCpuMs + sample.postgresCpuMs + sample.benchCpuMs) / (WINDOW_S * 1_000);

async function run(): Promise<Figure[]> {
  const world = await startWorld({ queue: 'redis', latencyMs: LATENCY_MS, env: { LOG_LEVEL: 'warn', STORY_ENHANCEMENT_KEEP_COMPLETED: '100' } });
  try {
    const samples = new Map<number, Sample[]>(PROCESSES.map((processes) => [processes, []]));
    for (let round = 0; round < ROUNDS; round += 1) {
      // Each first in turn: whatever else the machine does hits all of them.
      for (const processes of round % 2 === 0 ? PROCESSES : PROCESSES.toReversed()) {
        samples.get(processes)?.push(await measure(world, { processes, places: PLACES }));
      }
    }
    const full = await measure(world, { processes: Math.max(...PROCESSES), places: FULL_PLACES });
    return [...PROCESSES.flatMap((processes) => figuresOf(processes, samples)), ...fullFigures(full)];
  } finally {
    await world.stop();
  }
}

function figuresOf(processes: number, samples: ReadonlyMap<number, readonly Sample[]>): Figure[] {
  const mine = samples.get(processes) ?? [];
  const alone = samples.get(1) ?? [];
  const name = `scale.workers.${processes}`;
  const rates = {
    ours: mine.map(({ rate }) => rate),
    baseline: processes === 1 ? alone.map(() => (PLACES * 1_000) / LATENCY_MS) : alone.map(({ rate }) => processes * rate),
  };
  const against = processes === 1 ? `${PLACES} places with nothing but a call of ${LATENCY_MS} ms` : `${processes} times one process`;
  return [figure(name, 'stories/s', against, 'higher', rates), coresFigure(name, mine), costFigure(name, mine)];
}

const coresFigure = (name: string, samples: readonly Sample[]): Figure =>
  figure(`${name}.cpu`, 'cores', 'cores of this machine (servers and model share them)', 'lower', {
    ours: samples.map(coresOf),
    baseline: samples.map(() => availableParallelism()),
  });

const costFigure = (name: string, samples: readonly Sample[]): Figure =>
  figure(`${name}.cost`, 'ms CPU', 'the wait for the model', 'lower', {
    ours: samples.map(({ cpuMsPerStory }) => cpuMsPerStory),
    baseline: samples.map(() => LATENCY_MS),
  });

/** Where the cores are full: what they are full of, and what one core of workers does. */
function fullFigures(sample: Sample): Figure[] {
  const share = (part: number): number => part / (WINDOW_S * 1_000);
  const parts = { workers: sample.workerCpuMs, redis: sample.redisCpuMs, postgres: sample.postgresCpuMs, model: sample.benchCpuMs };
  const processes = Math.max(...PROCESSES);
  const most = (processes * FULL_PLACES * 1_000) / LATENCY_MS;
  return [
    figure('scale.workers.full', 'stories/s', `${processes * FULL_PLACES} places that never wait for a core`, 'higher', {
      ours: [sample.rate],
      baseline: [most],
    }),
    ...Object.entries(parts).map(([part, ms]) =>
      figure(`scale.workers.full.cpu.${part}`, 'cores', 'cores of this machine', 'lower', { ours: [share(ms)], baseline: [availableParallelism()] }),
    ),
    { ...costFigure('scale.workers.full', [sample]), n: 1 },
  ];
}

const roundsSaid = `${ROUNDS} rounds of ${WINDOW_S} s`;

export const scaleBenches: Bench[] = [
  {
    name: 'scale.workers',
    about: `stories a second of 1, 2 and 4 worker processes, ${PLACES} places each, a model that answers after ${LATENCY_MS} ms, ${roundsSaid}; then ${FULL_PLACES} places each, until the cores are full`,
    run,
  },
];
