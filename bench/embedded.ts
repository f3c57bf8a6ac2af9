import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedQueue } from '../lib/queue/backend/embedded.ts';
import { createPostgresBackend } from '../lib/queue/backend/postgres.ts';
import { freePort } from '../test/support/port.ts';
import { startProcess } from '../test/support/process.ts';
import { createService, QUEUE, startWorker } from '../test/support/queue-world.ts';
import { type Bench, type Figure, figure, inPairs, median } from './report.ts';

const JOBS = 1_000;
const CONCURRENCY = 20;

/** jobs/s on the embedded queue, ours against BullMQ's own classes on the same PGlite. */
async function process_(): Promise<Figure[]> {
  const { pool, close } = await openEmbeddedQueue({ dataDir: ':memory:' });
  const backend = createPostgresBackend({ pool, role: 'worker' });
  const service = createService(backend);
  const bare = backend.queue('source-sync');
  try {
    const ours = async (): Promise<number> => {
      await service.enqueueMany(Array.from({ length: JOBS }, (_, index) => ({ queue: QUEUE, name: 'probe', payload: { key: `job-${index}` } })));
      const { promise, resolve } = Promise.withResolvers<void>();
      let done = 0;
      const start = performance.now();
      const worker = await startWorker(backend, async () => undefined, { concurrency: CONCURRENCY, onAttempt: () => ++done === JOBS && resolve() });
      await promise;
      const rate = (JOBS * 1000) / (performance.now() - start);
      await worker.stop();
      return rate;
    };
    const baseline = async (): Promise<number> => {
      await bare.addBulk(
        Array.from({ length: JOBS }, (_, index) => ({ name: 'probe', data: { key: `job-${index}` }, opts: { attempts: 3, removeOnComplete: 100 } })),
      );
      const { promise, resolve } = Promise.withResolvers<void>();
      let done = 0;
      const start = performance.now();
      const worker = backend.worker('source-sync', async () => void (++done === JOBS && resolve()), { concurrency: CONCURRENCY });
      await worker.waitUntilReady();
      void worker.run();
      await promise;
      const rate = (JOBS * 1000) / (performance.now() - start);
      await worker.close();
      return rate;
    };
    return [figure('embedded.process', 'jobs/s', 'bare BullMQ on the same PGlite', 'higher', await inPairs(5, ours, baseline))];
  } finally {
    await backend.close();
    await close();
  }
}

/** What a first prototype took, before the migrated template: the figures of the issue that asked for this. */
const PROTOTYPE = { startMs: 5_000, memoryMb: 1_100 };
const RUNS = 5;

/** `npm start` as its user sees it: from the command to the answer that it is up, and the memory it then holds. */
async function start(): Promise<Figure[]> {
  const times: number[] = [];
  const reopened: number[] = [];
  const memory: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const dir = await mkdtemp(join(tmpdir(), 'hivepulse-bench-'));
    for (const list of [times, reopened]) {
      const begin = performance.now();
      const child = startProcess('start/main.ts', { env: { HIVEPULSE_DATA_DIR: dir, PORT: String(await freePort()), LOG_LEVEL: 'warn' } });
      await child.line((line) => line.includes('Hivepulse is up'), 60_000);
      list.push(performance.now() - begin);
      memory.push(await residentMb(child.pid));
      child.kill('SIGTERM');
      await child.exit;
    }
    await rm(dir, { recursive: true, force: true });
  }
  const against = (name: string, unit: string, values: number[], prototype: number): Figure => ({
    ...figure(name, unit, 'the prototype', 'lower', { ours: values, baseline: values.map(() => prototype) }),
    value: median(values),
  });
  return [
    against('embedded.start', 'ms', times, PROTOTYPE.startMs),
    against('embedded.reopen', 'ms', reopened, PROTOTYPE.startMs),
    against('embedded.memory', 'MB', memory, PROTOTYPE.memoryMb),
  ];
}

async function residentMb(pid: number): Promise<number> {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

export const embeddedBenches: Bench[] = [
  { name: 'embedded.process', about: `no-op jobs/s embedded, ${JOBS} jobs, ${CONCURRENCY} at a time`, run: process_ },
  { name: 'embedded.start', about: 'npm start in an empty folder (and again in the same one): until it is up, and its resident memory', run: start },
];
