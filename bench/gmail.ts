import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { generate } from '../demo/stand-ins/google/generate.ts';
import { type GoogleStandIn, startGoogle } from '../demo/stand-ins/google/server.ts';
import type { FetchResult } from '../lib/jobs/gmail-fetch.ts';
import { quotaOf } from '../lib/mail/gmail/quota.ts';
import { createVault, tokenContext } from '../lib/oauth/vault.ts';
import type { TestProcess } from '../test/support/process.ts';
import { eventually, startWorld, type World } from '../test/support/world.ts';
import { type Bench, type Figure, median } from './report.ts';

const LATENCY_MS = 50;
const MESSAGES = 500;
const RUNS = 5;
const LONGEST_MS = 15 * 60_000;
/** Google's minute takes this long here: the same number of units, sooner. */
const SHORT_MINUTE_MS = 6_000;
const UNLIMITED = 100_000_000;

const KEY = { id: 'bench', key: randomBytes(32).toString('base64') };

interface Bed {
  world: World;
  google: GoogleStandIn;
  worker: TestProcess;
  stop(): Promise<void>;
}

/** Redis, Postgres and its API, a worker process, and the stand-in for Google, which enforces the quota by its own account. */
async function openBed(quota: { units: number; perMs: number }): Promise<Bed> {
  const google = await startGoogle({ quota });
  google.faults.latencyMs = LATENCY_MS;
  const env = {
    AI_PROVIDER: 'local',
    LOG_LEVEL: 'info',
    POLL_INTERVAL_MS: '200',
    TOKEN_ENCRYPTION_KEY: `${KEY.id}:${KEY.key}`,
    GOOGLE_CLIENT_ID: google.client.id,
    GOOGLE_CLIENT_SECRET: google.client.secret,
    GOOGLE_API_ROOT_URL: google.url,
    GOOGLE_TOKEN_URL: google.tokenUrl,
    MAX_RESULTS: '100000',
    GMAIL_BENCH_QUOTA: JSON.stringify({ ...quotaOf('2026'), ...quota }),
  };
  const world = await startWorld({ queue: 'redis', env });
  // Told of new rows by the database, as an app's insert is.
  const worker = world.start('bench/gmail-worker.ts', { WORKER_ID: 'measured', DATABASE_URL: world.postgres.url });
  await worker.entry(({ message }) => message === 'worker started, waiting for jobs');
  const stop = async (): Promise<void> => {
    await world.stop();
    await google.stop();
  };
  return { world, google, worker, stop };
}

/** An account with its tokens, as the round trip stores them. */
async function connect({ world, google }: Bed, messages: number): Promise<string> {
  const owner = { userId: randomUUID(), provider: 'google' as const, accountId: randomUUID() };
  const email = `${owner.accountId}@example.com`;
  google.addAccount(email, generate(messages));
  const { accessToken, refreshToken = '' } = google.issueTokens(email);
  const vault = createVault([KEY]);
  await world.db.connections.save({
    ...owner,
    email,
    scopes: [],
    accessToken: vault.seal(accessToken, tokenContext(owner, 'access')),
    refreshToken: vault.seal(refreshToken, tokenContext(owner, 'refresh')),
    accessExpiresAt: new Date(Date.now() + 3_600_000).toISOString(),
  });
  return owner.userId;
}

/** From asking to the row that says `completed`, in milliseconds. */
async function fetchOnce({ world }: Bed, userId: string): Promise<{ milliseconds: number; result: FetchResult }> {
  const started = performance.now();
  const { id } = await world.db.jobRows.createFetch({ userId, params: {}, options: {} });
  const result = await eventually(async () => {
    const row = await world.db.jobRows.get('analytics_jobs', id);
    if (row?.status === 'failed') throw new Error(`The fetch failed: ${row.error}`);
    // Checked when it was recorded.
    return row?.status === 'completed' && (row.result as FetchResult);
  }, LONGEST_MS);
  return { milliseconds: performance.now() - started, result };
}

/** As the simplest worker would: a listing, then one `users.messages.get` after the other, with Google's own client. */
async function oneByOne(google: GoogleStandIn, messages: number): Promise<number> {
  const { auth, gmail } = await import('@googleapis/gmail');
  const email = `${randomUUID()}@example.com`;
  google.addAccount(email, generate(messages));
  const client = new auth.OAuth2();
  client.setCredentials({ access_token: google.issueTokens(email).accessToken });
  const { users } = gmail({ version: 'v1', auth: client, rootUrl: `${google.url}/` });
  const started = performance.now();
  const { data } = await users.messages.list({ userId: 'me', maxResults: messages });
  for (const { id } of data.messages ?? []) await users.messages.get({ userId: 'me', id: id ?? '', format: 'full' });
  return performance.now() - started;
}

/** What the quota alone takes: a full bucket at the start, the rest as it fills up. */
const floorMs = (units: number, quota: { units: number; perMs: number }): number => Math.max(0, ((units - quota.units) / quota.units) * quota.perMs);

async function peakMiB({ pid }: TestProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

async function againstOneByOne(): Promise<Figure[]> {
  const bed = await openBed({ units: UNLIMITED, perMs: 60_000 });
  try {
    await fetchOnce(bed, await connect(bed, 40));
    const plain = await oneByOne(bed.google, MESSAGES);
    const first: number[] = [];
    const second: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      const userId = await connect(bed, MESSAGES);
      first.push((await fetchOnce(bed, userId)).milliseconds);
      second.push((await fetchOnce(bed, userId)).milliseconds);
    }
    const [ours, again] = [median(first), median(second)];
    return [
      {
        bench: 'gmail.fetch.500',
        value: ours,
        unit: 'ms',
        baseline: 'one message after the other',
        baselineValue: plain,
        ratio: plain / ours,
        n: RUNS,
      },
      { bench: 'gmail.fetch.again', value: again, unit: 'ms', baseline: 'the first fetch', baselineValue: ours, ratio: ours / again, n: RUNS },
    ];
  } finally {
    await bed.stop();
  }
}

async function againstQuota(bench: string, perMs: number, runs: number): Promise<Figure[]> {
  const quota = { units: quotaOf('2026').units, perMs };
  const bed = await openBed(quota);
  try {
    await fetchOnce(bed, await connect(bed, 40));
    const first: number[] = [];
    const second: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const userId = await connect(bed, MESSAGES);
      const { milliseconds, result } = await fetchOnce(bed, userId);
      first.push(milliseconds);
      if (result.fetched !== MESSAGES) throw new Error(`Only ${result.fetched} were fetched`);
      second.push((await fetchOnce(bed, userId)).milliseconds);
    }
    const floor = floorMs(1 + 5 + 20 * MESSAGES, quota);
    const [ours, again] = [median(first), median(second)];
    return [
      { bench, value: ours, unit: 'ms', baseline: 'the floor of the quota', baselineValue: floor, ratio: floor / ours, n: runs },
      { bench: `${bench}.again`, value: again, unit: 'ms', baseline: 'the first fetch', baselineValue: ours, ratio: ours / again, n: runs },
    ];
  } finally {
    await bed.stop();
  }
}

/** Of one worker process each: the highest resident memory, small messages. */
async function memory(): Promise<Figure[]> {
  const peaks: number[] = [];
  for (const messages of [MESSAGES, 20_000]) {
    const bed = await openBed({ units: UNLIMITED, perMs: 60_000 });
    try {
      bed.google.faults.latencyMs = 0;
      await fetchOnce(bed, await connect(bed, messages));
      peaks.push(await peakMiB(bed.worker));
    } finally {
      await bed.stop();
    }
  }
  const [small = Number.NaN, large = Number.NaN] = peaks;
  return [{ bench: 'gmail.memory.20000', value: large, unit: 'MiB', baseline: '500 messages', baselineValue: small, ratio: small / large, n: 1 }];
}

/** One account that Google limits for a minute, and another beside it in the same worker. */
async function besideLimited(): Promise<Figure[]> {
  const bed = await openBed({ units: UNLIMITED, perMs: 60_000 });
  try {
    await fetchOnce(bed, await connect(bed, 40));
    const alone: number[] = [];
    for (let run = 0; run < RUNS; run += 1) alone.push((await fetchOnce(bed, await connect(bed, MESSAGES))).milliseconds);
    const beside: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      const limited = await connect(bed, MESSAGES);
      bed.google.faults.failNext(429, { times: 1, retryAfterSeconds: 60 });
      const { id } = await bed.world.db.jobRows.createFetch({ userId: limited, params: {}, options: {} });
      await eventually(async () => (await bed.world.db.jobRows.get('analytics_jobs', id))?.error?.includes('limited'));
      beside.push((await fetchOnce(bed, await connect(bed, MESSAGES))).milliseconds);
    }
    const [ours, baseline] = [median(beside), median(alone)];
    const name = 'the same with no account limited';
    return [
      { bench: 'gmail.fetch.beside_limited', value: ours, unit: 'ms', baseline: name, baselineValue: baseline, ratio: baseline / ours, n: RUNS },
    ];
  } finally {
    await bed.stop();
  }
}

export const gmailBenches: Bench[] = [
  {
    name: 'gmail.fetch',
    about: `${MESSAGES} messages, ${LATENCY_MS} ms a call, no quota: against one by one; then the second fetch`,
    run: againstOneByOne,
  },
  {
    name: 'gmail.quota',
    about: `${MESSAGES} messages, ${LATENCY_MS} ms a call, 6,000 units a minute of ${SHORT_MINUTE_MS / 1000} s: against what the quota allows`,
    run: () => againstQuota('gmail.quota', SHORT_MINUTE_MS, RUNS),
  },
  {
    name: 'gmail.minute',
    about: `The same with Google's own minute`,
    run: () => againstQuota('gmail.minute', 60_000, 1),
  },
  { name: 'gmail.limited', about: 'A fetch while another account of the same worker is limited for a minute', run: besideLimited },
  { name: 'gmail.memory', about: 'Peak memory of a worker process with 500 and with 20,000 messages', run: memory },
];
