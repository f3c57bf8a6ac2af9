/** An app beside the containers: what it asks for, over HTTP and by SQL. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { compose, settings, sql } from './docker.ts';

/** What was asked for, to be looked up afterwards. */
export interface Asked {
  userId: string;
  jobs: number;
}

const REVIEWS = [
  ['ai_generation', { review_text: 'Great service, friendly staff!', tone: 'friendly' }],
  ['review_processing', { review_text: 'The room was cold and the breakfast late.' }],
] as const;
/** One per deal; the last one is a scan. */
const FILES = [
  ...['news-report.docx', 'slides.pptx', 'monthly-numbers.xlsx', 'apple-notes.rtf', 'financial-network-speech.pdf'].map(
    (name) => `examples/data/documents/${name}`,
  ),
  'test/fixtures/ocr/phototest.tif',
];

/** Resolves to the answer's `data`. */
type Api = (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Record<string, { id: string } | undefined>>;

async function connect(userId: string): Promise<Api> {
  const shown = await compose('run', '--rm', 'setup', 'show');
  const key = /^HIVEPULSE_API_KEY=(.+)$/m.exec(shown)?.[1];
  if (key === undefined) throw new Error('setup show names no key');
  return async (path, body, headers = {}) => {
    const raw = body instanceof Uint8Array || typeof body === 'string';
    const response = await fetch(`http://127.0.0.1:${settings.PORT}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'x-user-id': userId, 'content-type': 'application/json', ...headers },
      body: raw ? body : JSON.stringify(body ?? {}),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${text.slice(0, 300)}`);
    return JSON.parse(text).data;
  };
}

/** Some 300 jobs of six queues. */
export async function askForMixedJobs(): Promise<Asked> {
  const userId = randomUUID();
  const api = await connect(userId);
  await api('/api/credits/grant', { userId, amount: 10_000 });
  const counts = await Promise.all([
    askForStories(api, 80),
    askForReviews(api, 120),
    askBySql(userId, 30),
    askForDeals(api, 6),
    askForAnalyses(api, 3),
  ]);
  return { userId, jobs: counts.reduce((sum, count) => sum + count, 0) };
}

/** Slow ones only: what is under way when everything is stopped. */
export async function askForMore(): Promise<Asked> {
  const userId = randomUUID();
  const api = await connect(userId);
  await api('/api/credits/grant', { userId, amount: 10_000 });
  const counts = await Promise.all([askForStories(api, 60), askForReviews(api, 60)]);
  return { userId, jobs: counts.reduce((sum, count) => sum + count, 0) };
}

const AT_ONCE = 10;

async function times(count: number, ask: (number: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await ask(next - 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return count;
}

const askForStories = (api: Api, count: number): Promise<number> =>
  times(count, (number) =>
    api('/api/stories', {
      title: `Story ${number} ${randomUUID()}`,
      content: `A start-up claims that its model number ${number} is 10 times faster.`,
    }),
  );

const askForReviews = (api: Api, count: number): Promise<number> =>
  times(count, (number) => {
    const [type, payload] = REVIEWS[number % REVIEWS.length] ?? REVIEWS[0];
    return api('/api/jobs', { type, payload });
  });

/** In the way of the seeds: plain rows. */
async function askBySql(userId: string, count: number): Promise<number> {
  await sql(
    `insert into jobs (user_id, type, payload) select '${userId}', 'review_processing', jsonb_build_object('review_text', 'It was fine, number ' || n) from generate_series(1, ${count}) n`,
  );
  return count;
}

/** Documents with what follows from each, mails with two jobs each, and a brief per deal. */
async function askForDeals(api: Api, count: number): Promise<number> {
  let jobs = 0;
  for (let number = 0; number < count; number += 1) {
    const { deal } = await api('/api/deals', { name: `Deal ${number}`, timeZone: 'Europe/London' });
    const dealId = deal?.id ?? '';
    for (const { name, bytes } of await documentsOf(number)) {
      await api(`/api/documents?${new URLSearchParams({ dealId, name })}`, bytes, { 'content-type': 'application/octet-stream' });
      jobs += 4;
    }
    for (let mail = 0; mail < 2; mail += 1) {
      await api(`/api/emails?dealId=${dealId}`, mailOf(number, mail), { 'content-type': 'message/rfc822' });
      jobs += 2;
    }
    await api(`/api/queue/daily-brief/jobs`, { name: 'generate', payload: { dealId } });
    jobs += 1;
  }
  return jobs;
}

async function documentsOf(number: number): Promise<{ name: string; bytes: Uint8Array<ArrayBuffer> }[]> {
  const text = `Agreement number ${number}. This Agreement may not be assigned without the prior written consent of the other party. Either party may terminate on thirty days' notice.`;
  const written = { name: `agreement-${number}.txt`, bytes: new TextEncoder().encode(text) };
  const file = FILES[number];
  if (file === undefined) return [written];
  return [written, { name: basename(file), bytes: new Uint8Array(await readFile(file)) }];
}

const mailOf = (deal: number, mail: number): string =>
  [
    'From: Ann <ann@example.com>',
    'To: Ben <ben@example.com>',
    `Subject: Lease ${deal}`,
    `Message-ID: <${randomUUID()}@example.com>`,
    'Date: Sat, 21 Nov 2026 10:00:00 +0000',
    '',
    `Ben, we cannot go on with part ${mail} until you send the signed lease by Friday.`,
  ].join('\r\n');

async function askForAnalyses(api: Api, count: number): Promise<number> {
  const topics = ['the buses are late', 'more parks and trees', 'cheaper housing', 'safer roads for bicycles'];
  for (let number = 0; number < count; number += 1) {
    const { conversation } = await api('/api/conversations', { title: `Survey ${number}` });
    const rows = Array.from({ length: 40 }, (_, row) => `"I wish for ${topics[row % topics.length]}, said person ${row}"`);
    await api(`/api/conversations/${conversation?.id}/responses?column=comment`, ['comment', ...rows].join('\n'), { 'content-type': 'text/csv' });
    await api(`/api/conversations/${conversation?.id}/analysis`);
  }
  return count;
}
