import { existsSync, readFileSync } from 'node:fs';
import { SOURCE_TYPES, type SourceType } from '../lib/jobs/source-sync.ts';
import { type ConnectedSource, type SourceWorld, startSourceWorld } from '../test/e2e/source-world.ts';
import type { TestProcess } from '../test/support/process.ts';
import type { Bench, Figure } from './report.ts';

const ITEMS = 5_000;
const LATENCY_MS = 50;
const LONGEST_MS = 20 * 60_000;
const BIG_FILE_BYTES = 1_024 ** 3;

interface Fewest {
  /** Calls that a full sync and what follows it cannot do without. */
  calls: number;
  /** Calls that follow one another; the rest go side by side. */
  inTurn: number;
  /** Of the others, at a time. */
  parallel: number;
  /** What the account's quota makes them take at least. */
  quotaSeconds: number;
}

/** 15,000 units a minute, as many at once at first; a mail takes 5 (`GMAIL_QUOTA=older`). */
const GMAIL_QUOTA_SECONDS = (ITEMS * 5 - 15_000) / 250;
/** By the vendors' documentation: pages as large as they give, a call for each file's content, a batch for 50 mails, and what a sync cannot begin or end without. */
const FEWEST: Record<SourceType, Fewest> = {
  // The folder, the start token, pages of 1,000; a page for its subfolder; the changes since.
  gdrive: fewest({ inTurn: 2 + ITEMS / 1_000 + 1 + 1, apart: ITEMS, parallel: 10 }),
  // The site, its library, pages of 200, the delta since.
  sharepoint: fewest({ inTurn: 2 + ITEMS / 200 + 1, apart: ITEMS, parallel: 6 }),
  // The profile, pages of 500, batches of 50, the history since.
  gmail: fewest({ inTurn: 1 + ITEMS / 500 + ITEMS / 50 + 1, apart: 0, parallel: 1, quotaSeconds: GMAIL_QUOTA_SECONDS }),
  // The folders and which of them are what, pages of 250 with the mails in them, the other two folders; the folders since, and the delta of each of three.
  outlook: fewest({ inTurn: 2 + ITEMS / 250 + 1, apart: 2 + 3, parallel: 4 }),
};
/** One for what has changed, and one for each new or edited file; mails come in batches, or with the answer. */
const FOLLOWED: Record<SourceType, number> = { gdrive: 1 + 10, sharepoint: 1 + 10, gmail: 1 + 1, outlook: 1 + 4 };

function fewest({ inTurn, apart, parallel, quotaSeconds = 0 }: { inTurn: number; apart: number; parallel: number; quotaSeconds?: number }): Fewest {
  return { calls: inTurn + apart, inTurn, parallel, quotaSeconds };
}

async function withWorker<T>(
  use: (bed: { world: SourceWorld; worker: TestProcess }) => Promise<T>,
  env: Readonly<Record<string, string>> = {},
): Promise<T> {
  const world = await startSourceWorld({ queue: 'redis', env: { LOG_LEVEL: 'info', POLL_INTERVAL_MS: '200', ...env } });
  try {
    const worker = world.start('workers/main.ts', {
      LOG_LEVEL: 'info',
      WORKER_ID: 'measured',
      WORKER_QUEUES: 'source-sync',
      DATABASE_URL: world.postgres.url,
      SUPABASE_URL: '',
      SUPABASE_SERVICE_ROLE_KEY: '',
      SUPABASE_PUBLISHABLE_KEY: '',
    });
    await worker.entry(({ message }) => message === 'worker started, waiting for jobs');
    return await use({ world, worker });
  } finally {
    await world.stop();
  }
}

async function calls(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const type of SOURCE_TYPES) {
    // Each alone: what one leaves behind would slow down the next.
    figures.push(...(await withWorker(({ world }) => fullAndIncremental(world, type))));
  }
  return figures;
}

async function fullAndIncremental(world: SourceWorld, type: SourceType): Promise<Figure[]> {
  const fewest = FEWEST[type];
  const started = performance.now();
  const source = await world.addSource(type, ITEMS, (vendor) => vendor.latency(LATENCY_MS));
  const sync = await world.synced(source, source.jobId, LONGEST_MS);
  if (sync.status !== 'succeeded' || sync.created !== ITEMS) throw new Error(`The sync of ${type} went wrong: ${JSON.stringify(sync)}`);
  const seconds = await secondsOf(world, source);
  const made = source.vendor.calls();
  process.stderr.write(`  ${type}: ${Math.round(performance.now() - started)} ms in all, its own count ${sync.calls} calls\n`);
  source.vendor.change({ add: 7, edit: 3, delete: 2, move: 1 });
  await world.sync(source);
  const followed = source.vendor.calls() - made;
  const floor = Math.max(((fewest.inTurn + (fewest.calls - fewest.inTurn) / fewest.parallel) * LATENCY_MS) / 1_000, fewest.quotaSeconds);
  return [
    {
      bench: `sync.calls.${type}`,
      value: made,
      unit: 'calls',
      baseline: `the fewest possible for ${ITEMS} items`,
      baselineValue: fewest.calls,
      ratio: fewest.calls / made,
      n: 1,
    },
    {
      bench: `sync.wall.${type}`,
      value: seconds,
      unit: 's',
      baseline:
        fewest.quotaSeconds > 0 ? 'what the quota of the account lets through' : `those calls, ${LATENCY_MS} ms each, ${fewest.parallel} at a time`,
      baselineValue: floor,
      ratio: floor / seconds,
      n: 1,
    },
    {
      bench: `sync.followed.${type}`,
      value: followed,
      unit: 'calls',
      baseline: 'one for each new or edited item, and one',
      baselineValue: FOLLOWED[type],
      ratio: FOLLOWED[type] / followed,
      n: 1,
    },
  ];
}

/** By the database's account, from the begin of the run to its end. */
async function secondsOf({ sql }: SourceWorld, { id, jobId }: ConnectedSource): Promise<number> {
  const [row] = await sql<{ seconds: number }[]>`
    select extract(epoch from finished_at - started_at)::float8 as seconds from source_syncs where source_id = ${id} and job_id = ${jobId}`;
  return row?.seconds ?? Number.NaN;
}

async function memory(): Promise<Figure[]> {
  return withWorker(
    async ({ world, worker }) => {
      // What a sync needs by itself: client, connections, the first garbage.
      const small = await world.addSource('gdrive', 200);
      await world.synced(small, small.jobId, LONGEST_MS);
      const before = peakMib(worker.pid);
      const big = await world.addSource('gdrive', 100, (vendor) => {
        const drive = world.google.drive(vendor.email);
        drive.addFile({ name: 'recording.bin', content: { length: BIG_FILE_BYTES }, parentId: String(vendor.settings.folderId) });
      });
      const sync = await world.synced(big, big.jobId, LONGEST_MS);
      if (sync.status !== 'succeeded' || sync.created !== 101) throw new Error(`The sync went wrong: ${JSON.stringify(sync)}`);
      const after = peakMib(worker.pid);
      return [
        {
          bench: 'sync.memory',
          value: after,
          unit: 'MiB',
          baseline: 'before a file of 1 GiB came',
          baselineValue: before,
          ratio: before / after,
          n: 1,
        },
      ];
    },
    { DOCUMENT_LIMIT_BYTES: String(2 * BIG_FILE_BYTES) },
  );
}

/** The most that the process has held so far. */
function peakMib(pid: number): number {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return Number.NaN;
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(file, 'utf8'))?.[1]) / 1_024;
}

export const syncBenches: Bench[] = [
  {
    name: 'sync.calls',
    about: `${ITEMS} items with ${LATENCY_MS} ms a call: calls against the fewest possible, time against the floor of what goes side by side`,
    run: calls,
  },
  { name: 'sync.memory', about: 'Peak memory of a worker that reads a file of 1 GiB, against that of one which has read small ones', run: memory },
];
