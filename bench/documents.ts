import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type ApiProcess, eventually, startWorld, type World } from '../test/support/world.ts';
import type { Bench, Figure } from './report.ts';

const LATENCY_MS = 400;
const DOCUMENTS = 150;
const EMAILS = 480;
const LONGEST_MS = 10 * 60_000;
/** Of the contract's table. */
const DOCUMENT_PLACES = 5;
const EMAIL_PLACES = 10;
/** Calls that a short document and a short mail need, one after another in places of their own. */
const CALLS = { document: 3, email: 2 };
const PARALLEL_UPLOADS = 8;

/** `DOCUMENTS_DATA` names the folder; without it the one beside the repository is looked for. */
const folder = process.env.DOCUMENTS_DATA
  ? pathToFileURL(`${process.env.DOCUMENTS_DATA}/`)
  : new URL('../../shared/data/documents/', import.meta.url);

interface Bed {
  world: World;
  api: ApiProcess;
  dealId: string;
}

interface BedOptions {
  /** Of all processes. */
  env?: Readonly<Record<string, string>>;
  /** Of the worker alone. */
  worker?: Readonly<Record<string, string>>;
}

/** Redis, Postgres and its API, a model server that answers after 400 ms, an API process and one worker process. */
async function withBed<T>({ env, worker: own }: BedOptions, use: (bed: Bed) => Promise<T>): Promise<T> {
  const files = mkdtempSync(join(tmpdir(), 'hivepulse-bench-files-'));
  const world = await startWorld({
    queue: 'redis',
    latencyMs: LATENCY_MS,
    env: { STORAGE_DIR: files, LOG_LEVEL: 'warn', POLL_INTERVAL_MS: '200', RATE_LIMIT_PER_MINUTE: '1000000', ...env },
  });
  try {
    // The smallest answer that fits each question.
    world.llm.reset();
    const api = await world.startApi({ LOG_LEVEL: 'info', DATABASE_URL: world.postgres.url });
    const worker = world.start('workers/main.ts', { LOG_LEVEL: 'info', WORKER_ID: 'measured', DATABASE_URL: world.postgres.url, ...own });
    await worker.entry(({ message }) => message === 'worker started, waiting for jobs');
    const { body } = await api.call('POST', '/api/deals', { name: 'Bench' });
    return await use({ world, api, dealId: body.data.deal.id });
  } finally {
    await world.stop();
    rmSync(files, { recursive: true, force: true });
  }
}

const paragraph = (): string =>
  Array.from({ length: 12 }, (_, line) => `${line + 1}. The parties agree under reference ${randomUUID()} that notices are given in writing.`).join(
    '\n',
  );

async function upload({ api, dealId }: Bed, name: string, file: Uint8Array<ArrayBuffer> | string): Promise<void> {
  const query = new URLSearchParams({ dealId, name });
  const response = await fetch(`${api.url}/api/documents?${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/octet-stream' },
    body: file,
  });
  if (!response.ok) throw new Error(`${name} was not taken: ${response.status} ${await response.text()}`);
}

async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_UPLOADS }, lane));
}

/** From the first upload to the end of the last step, documents a second. */
async function documentsPerSecond(bed: Bed, count: number): Promise<number> {
  const started = performance.now();
  await inParallel(count, (index) => upload(bed, `${index}-${randomUUID()}.txt`, paragraph()));
  await settled(bed, 'document', count * (CALLS.document + 1));
  return count / ((performance.now() - started) / 1000);
}

async function emailsPerSecond(bed: Bed, count: number): Promise<number> {
  const started = performance.now();
  await inParallel(count, async (index) => {
    const id = randomUUID();
    const email = {
      dealId: bed.dealId,
      messageId: `<${id}@example.com>`,
      subject: `Mail ${index}`,
      fromAddress: 'ada@example.com',
      text: `We need the lease ${id} by Friday.`,
    };
    const { status, body } = await bed.api.call('POST', '/api/emails', email);
    if (status >= 300) throw new Error(`Not taken: ${status} ${JSON.stringify(body)}`);
  });
  await settled(bed, 'email', count * CALLS.email);
  return count / ((performance.now() - started) / 1000);
}

/** So many steps of the subject have ended, all of them well; then they are forgotten. */
async function settled({ world }: Bed, subject: string, count: number): Promise<void> {
  await eventually(async () => {
    const [row] = await world.sql<{ ended: number; failed: number }[]>`
      select count(*) filter (where status = 'succeeded')::int as ended, count(*) filter (where status in ('failed', 'cancelled'))::int as failed
      from deal_steps where subject = ${subject}`;
    if (row && row.failed > 0) throw new Error(`${row.failed} steps of ${subject}s failed`);
    return row?.ended === count;
  }, LONGEST_MS);
  await world.sql`delete from deal_steps where subject = ${subject}`;
}

/** What a worker needs that reaches its database by `DATABASE_URL` alone, instead of through the Supabase API (@supabase/lite here). */
const DIRECT = { SUPABASE_URL: '', SUPABASE_SERVICE_ROLE_KEY: '', SUPABASE_PUBLISHABLE_KEY: '' };

async function pipelines(): Promise<Figure[]> {
  return [...(await pipelinesOf('', DIRECT)), ...(await pipelinesOf('.supabase', {}))];
}

async function pipelinesOf(way: string, worker: Readonly<Record<string, string>>): Promise<Figure[]> {
  return withBed({ worker }, async (bed) => {
    await documentsPerSecond(bed, DOCUMENT_PLACES);
    const documents = await documentsPerSecond(bed, DOCUMENTS);
    await emailsPerSecond(bed, EMAIL_PLACES);
    const emails = await emailsPerSecond(bed, EMAILS);
    const ceiling = (places: number, calls: number): number => places / ((calls * LATENCY_MS) / 1000);
    const against = (bench: string, value: number, places: number, calls: number, n: number): Figure => ({
      bench,
      value,
      unit: `${bench.split('.')[0]}/s`,
      baseline: `${places} places, ${calls} calls of ${LATENCY_MS} ms each, nothing besides`,
      baselineValue: ceiling(places, calls),
      ratio: value / ceiling(places, calls),
      n,
    });
    return [
      against(`documents.pipeline${way}`, documents, DOCUMENT_PLACES, CALLS.document, DOCUMENTS),
      against(`emails.pipeline${way}`, emails, EMAIL_PLACES, CALLS.email, EMAILS),
    ];
  });
}

interface FileRow {
  name: string;
  status: string;
  status_reason: string | null;
  format: string | null;
  pages: number | null;
  characters: number | null;
  ocr_pages: number | null;
  ms: number;
}

/** Every file of the folder through the HTTP API; prints a line each. */
async function files(): Promise<Figure[]> {
  if (!existsSync(folder)) {
    console.log(`  left out: there is no folder ${fileURLToPath(folder)} (DOCUMENTS_DATA names another)`);
    return [];
  }
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return withBed({ env: { AI_PROVIDER: 'local' } }, async (bed) => {
    const started = performance.now();
    for (const { parentPath, name } of found)
      await upload(bed, `${parentPath.split('/').at(-1)}/${name}`.replace('/', ' - '), new Uint8Array(readFileSync(`${parentPath}/${name}`)));
    const rows = await eventually(async () => {
      const all = await bed.world.sql<FileRow[]>`
        select d.name, d.status, d.status_reason, d.format, d.pages, d.characters, d.ocr_pages, coalesce((s.result ->> 'milliseconds')::int, 0) as ms
        from documents d join deal_steps s on s.subject = 'document' and s.key = d.id::text and s.operation = 'ingest' order by d.name`;
      return all.length > 0 && all.every(({ status }) => ['ready', 'partial', 'failed', 'cancelled'].includes(status)) && all;
    }, LONGEST_MS);
    const seconds = (performance.now() - started) / 1000;
    for (const row of rows) console.log(`  ${describe(row)}`);
    const clear = rows.filter(({ status, status_reason: reason }) => status === 'ready' || (status === 'failed' && reason)).length;
    return [
      {
        bench: 'documents.files',
        value: clear,
        unit: 'files in a clear state',
        baseline: 'all files',
        baselineValue: rows.length,
        ratio: clear / rows.length,
        n: rows.length,
      },
      {
        bench: 'documents.files.seconds',
        value: seconds,
        unit: 's',
        baseline: 'reading alone, summed up',
        baselineValue: rows.reduce((sum, { ms }) => sum + ms, 0) / 1000,
        ratio: rows.reduce((sum, { ms }) => sum + ms, 0) / 1000 / seconds,
        n: rows.length,
      },
    ];
  });
}

function describe({ name, status, status_reason: reason, format, pages, characters, ocr_pages: ocrPages, ms }: FileRow): string {
  const read =
    format === null
      ? ''
      : `${format.padEnd(6)}${String(pages).padStart(4)} pages ${String(characters).padStart(7)} characters ${ocrPages} by OCR ${String(ms).padStart(6)} ms`;
  return `${name.padEnd(56)} ${status.padEnd(8)} ${read} ${reason ?? ''}`.trimEnd();
}

export const documentBenches: Bench[] = [
  {
    name: 'documents.pipeline',
    about: 'documents and e-mails a second with a model that answers after 400 ms, against what the concurrency allows',
    run: pipelines,
  },
  {
    name: 'documents.files',
    about: 'every file of the sample folder through the HTTP API: format, pages, characters, pages by OCR, time, end state',
    run: files,
  },
];
