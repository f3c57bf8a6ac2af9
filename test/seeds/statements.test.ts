import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GoogleStandIn, startGoogle } from '../../demo/stand-ins/google/server.ts';
import { createProducers } from '../../lib/producers.ts';
import { type ApiProcess, eventually, startWorld, type World } from '../support/world.ts';
import { curlLines, dealCurlLines, requestOf, statements, withIds } from './guides.ts';
import { installOldTables } from './old.ts';

const START_MS = 120_000;

describe.each([
  ['a fresh database', undefined],
  ['a database with the old tables and rows waiting', installOldTables],
])('the guides of the old workers, on %s', (_, before) => {
  let world: World;
  let api: ApiProcess;
  let google: GoogleStandIn;
  let files: string;
  beforeAll(async () => {
    files = mkdtempSync(join(tmpdir(), 'hivepulse-seeds-'));
    google = await startGoogle();
    const env = { AI_PROVIDER: 'local', POLLING_INTERVAL: '200', STORAGE_DIR: files, ...dealEnvironment, ...googleEnvironment(google) };
    world = await startWorld({ queue: 'redis', env, ...(before ? { before } : {}) });
    [api] = await Promise.all([world.startApi(), world.startWorker()]);
  }, START_MS);
  afterAll(async () => {
    await world?.stop();
    await google?.stop();
    rmSync(files, { recursive: true });
  });

  const newConversation = async (user: string): Promise<string> => {
    const [row] = await world.sql<{ id: string }[]>`insert into conversations (user_id, title) values (${user}, 'New') returning id`;
    return row?.id ?? '';
  };

  const ended = (id: string) =>
    eventually(async () => {
      const [row] = await world.sql<{ status: string }[]>`select status from jobs where id = ${id} and finished_at is not null`;
      return row?.status;
    });

  /** The rows of all its statements. */
  const inOneSession = async (statements: string) => {
    const sql = postgres(world.postgres.url, { max: 1, onnotice: () => {} });
    return (await sql.unsafe(statements).finally(() => sql.end())).flat();
  };

  /** As a service that inserts rows itself. */
  const insertReviewJob = async (user: string): Promise<string> => {
    const [row] = await world.sql<{ id: string }[]>`
      insert into jobs (user_id, type, payload) values (${user}, 'ai_generation', ${world.sql.json({ review_text: 'Great service!', tone: 'friendly' })})
      returning id`;
    return row?.id ?? '';
  };

  it.each(statements)('runs, from guide $guide: $sql', async ({ sql }) => {
    const user = randomUUID();
    await expect(world.sql.unsafe(withIds(sql, { conversation: await newConversation(user), user }))).resolves.toBeDefined();
  });

  it('does the job that an INSERT asks for, for credits, in the words of the guide', async () => {
    const user = randomUUID();
    await world.sql`select grant_credits(${user}, 5)`;
    const id = await insertReviewJob(user);
    await expect(ended(id)).resolves.toBe('completed');
    const [row] = await world.sql`select result ->> 'reply' as reply, attempts, credits_cost, credits_state from jobs where id = ${id}`;
    expect(row).toEqual({ reply: expect.stringMatching(/\S/), attempts: 1, credits_cost: 2, credits_state: 'settled' });
    await expect(world.sql`select balance from user_credits where user_id = ${user}`).resolves.toMatchObject([{ balance: 3 }]);
  });

  it('refuses the INSERT of a user who cannot pay, and nothing changes', async () => {
    const user = randomUUID();
    await expect(insertReviewJob(user)).rejects.toMatchObject({ code: 'PT402', message: 'The job costs 2 credits, the balance is 0' });
    await expect(world.sql`select from jobs where user_id = ${user}`).resolves.toHaveLength(0);
  });

  it('does what the page on jobs in the database says', async () => {
    const user = randomUUID();
    await world.sql`select grant_credits(${user}, 6)`;
    const [transaction = '', again = '', cancel = ''] = pageSql({ user, story: (await world.createStory()).id });
    const job = (await inOneSession(transaction)).find((row) => row?.id)?.id ?? '';
    const balance = async () => (await world.sql`select balance from user_credits where user_id = ${user}`)[0]?.balance;
    await expect(ended(job)).resolves.toBe('completed');
    const [story] = await world.sql`select ended, job_id from job_outbox where name = 'enhance' order by id desc limit 1`;
    await expect(world.ended(story?.job_id)).resolves.toMatchObject({ state: 'completed' });
    await world.sql.unsafe(again.replace('…', job));
    await expect(ended(job)).resolves.toBe('completed');
    await expect(balance()).resolves.toBe(2);
    await inOneSession(`begin; ${again.replace('…', job)}; ${cancel.replace('…', job)}; commit`);
    await expect(ended(job)).resolves.toBe('cancelled');
    await expect(balance()).resolves.toBe(2);
  });

  it('tells the counts and seconds of each state as before', async () => {
    const user = randomUUID();
    await world.sql`select grant_credits(${user}, 5)`;
    await ended(await insertReviewJob(user));
    const counts = statements.find(({ guide }) => guide === '003')?.sql ?? '';
    const rows = await world.sql.unsafe<{ status: string; count: string; avg_processing_time: string }[]>(counts);
    const completed = rows.find(({ status }) => status === 'completed');
    expect(Number(completed?.count)).toBeGreaterThan(0);
    expect(Number(completed?.avg_processing_time)).toBeGreaterThan(0);
  });

  it('does the analysis that an INSERT asks for, one at a time, and leaves its themes where the guide looks', async () => {
    const user = randomUUID();
    const conversation = await newConversation(user);
    const column = before ? 'response_text' : 'text';
    const answers = ['More buses.', 'The bus is late.', 'A night bus.', 'A swimming pool.', 'An indoor pool.', 'The pool is too small.'];
    await world.sql`insert into conversation_responses ${world.sql(answers.map((text) => ({ conversation_id: conversation, [column]: text })))}`;
    const ofGuide = (start: string): string => withIds(statements.find(({ sql }) => sql.startsWith(start))?.sql ?? '', { conversation, user });
    const insert = ofGuide('INSERT');
    await expect(world.sql.begin((sql) => sql.unsafe(`${insert}; ${insert}`))).rejects.toMatchObject({ code: '23505' });
    await world.sql.unsafe(insert);
    await eventually(async () => {
      const [row] = await world.sql.unsafe(ofGuide('SELECT analysis_status'));
      return row?.analysis_status === 'succeeded';
    }, 60_000);
    const themes = await world.sql.unsafe(ofGuide('SELECT * FROM conversation_themes'));
    expect(themes.map(({ name }) => name)).toEqual(expect.arrayContaining([expect.stringMatching(/\S/)]));
    expect(themes.reduce((sum, { size }) => sum + size, 0)).toBeGreaterThan(0);
  });

  it.each(curlLines.map((line, index) => [index + 1, line.split('\n', 1)[0], line] as const))(
    'answers curl line %i with the body of the guide: %s',
    async (_index, _first, line) => {
      const created = await api.call('POST', '/api/stories', {
        title: 'An old story',
        content: 'The company says that its battery charges in ten seconds.',
      });
      const storyId: string = created.body.data.story.id;
      await world.ended(created.body.data.story.runJobId);
      const { url, ...init } = requestOf(line, { url: api.url, token: world.env.API_KEYS ?? '', storyId });
      const response = await fetch(url, init);
      expect({ ok: response.ok, body: await response.json() }).toMatchObject({ ok: true, body: { success: true, data: bodyOf(line, storyId) } });
    },
  );

  it.each(dealCurlLines.map((line, index) => [index + 1, line] as const))('answers line %i of the deal room’s guide: %s', async (_index, line) => {
    const { deal } = (await api.call('POST', '/api/deals', { name: 'Project Falcon' })).body.data;
    const { url, ...init } = requestOf(line, { url: api.url, token: world.env.API_KEYS ?? '', storyId: '' });
    const response = await fetch(url, init);
    const body: unknown = await response.json();
    expect(response.ok).toBe(true);
    if (url.endsWith('/stats')) {
      const counts = { waiting: expect.any(Number), active: expect.any(Number), completed: expect.any(Number), failed: expect.any(Number) };
      const stats = { dailyBrief: counts, documentProcessing: counts, emailProcessing: counts, sourceSync: counts };
      expect(body).toMatchObject({ success: true, stats });
    } else {
      expect(body).toMatchObject({ success: true, jobs: expect.arrayContaining([expect.objectContaining({ dealId: deal.id })]) });
    }
  });

  it('does what the deal room’s guide asks for from app code, and by its route', async () => {
    const { deal } = (await api.call('POST', '/api/deals', { name: 'Project Heron' })).body.data;
    const text = 'The supplier may terminate this agreement upon a change of control of the company.';
    const upload = await api.call('POST', `/api/documents?dealId=${deal.id}&name=supply.txt`, text, { 'content-type': 'text/plain' });
    const { document } = upload.body.data;
    const mail = { dealId: deal.id, fromAddress: 'ana@example.com', subject: 'Schedules', text: 'We cannot sign before you send the schedules.' };
    const { email } = (await api.call('POST', '/api/emails', mail)).body.data;
    await eventually(async () => (await api.call('GET', `/api/documents/${document.id}`)).body.data.document.status === 'ready', 60_000);

    const app = createProducers(async () => ({ ...world.service, close: async () => undefined }));
    const done = async ({ queue, jobId }: Awaited<ReturnType<typeof app.queueDailyBrief>>) => app.waitForJob(queue, jobId, { timeoutMs: 30_000 });
    for (const operation of ['summarize', 'extract_risks', 'classify'] as const) {
      await expect(done(await app.queueDocumentProcessing(document.id, deal.id, operation))).resolves.toMatchObject({ documentId: document.id });
    }
    for (const operation of ['analyze_sentiment', 'detect_blocker'] as const) {
      await expect(done(await app.queueEmailProcessing(email.id, deal.id, operation))).resolves.toMatchObject({ emailId: email.id });
    }
    await expect(done(await app.queueDailyBrief(deal.id))).resolves.toMatchObject({ dealId: deal.id, edition: 1, empty: false });

    const route = await api.call('POST', `/api/documents/${document.id}/process`, { documentId: document.id, dealId: deal.id });
    expect(route.body).toMatchObject({ success: true, message: 'Processing started' });
  });

  /** A user's, connected by the round trip; its id. */
  const connectDrive = async (email: string): Promise<string> => {
    const user = { 'x-user-id': randomUUID() };
    const start = await api.call('GET', `/api/connections/google/start?access=files&loginHint=${email}`, undefined, user);
    const consent = await fetch(start.body.data.url, { redirect: 'manual' });
    const { pathname, search } = new URL(consent.headers.get('location') ?? '');
    await fetch(api.url + pathname + search, { redirect: 'manual' });
    return (await api.call('GET', '/api/connections', undefined, user)).body.data.connections[0].id;
  };

  it('syncs sources as the deal room’s guide asks for: from app code, and from a webhook of the app’s own', async () => {
    const email = `${randomUUID()}@example.com`;
    google.addAccount(email);
    const drive = google.drive(email);
    const edited = drive.addFile({ name: 'supply.txt', content: 'The supplier may terminate upon a change of control.' });
    const { deal } = (await api.call('POST', '/api/deals', { name: 'Project Osprey' })).body.data;
    const app = createProducers(async () => ({ ...world.service, close: async () => undefined }));
    const done = async ({ queue, jobId }: Awaited<ReturnType<typeof app.queueSourceSync>>) => app.waitForJob(queue, jobId, { timeoutMs: 60_000 });

    for (const type of ['gdrive', 'sharepoint', 'gmail', 'outlook'] as const) {
      await expect(done(await app.queueSourceSync(deal.id, type, 'full'))).rejects.toThrow(`has no ${type} source that is not paused`);
    }
    const source = { type: 'gdrive', connectionId: await connectDrive(email) };
    const made = await api.call('POST', `/api/deals/${deal.id}/sources`, source);
    await expect(done({ queue: 'source-sync', jobId: made.body.data.jobId, deduplicated: false })).resolves.toMatchObject({
      syncs: [{ created: 1 }],
    });

    drive.edit(edited, 'The supplier may not terminate at all.');
    drive.addFile({ name: 'lease.txt', content: 'The landlord must consent to any assignment of this lease.' });
    // Longer than ten calls take, however busy the machine is.
    google.faults.latencyMs = 300;
    const changes = Array.from({ length: 10 }, () => ({ dealId: deal.id }));
    const asked = [];
    for (const change of changes) asked.push(await app.queueSourceSync(change.dealId, 'gdrive', 'incremental'));
    const jobs = [...new Set(asked.map(({ jobId }) => jobId))];
    google.faults.latencyMs = 0;
    expect(jobs.length).toBeLessThanOrEqual(2);
    const synced = await Promise.all(jobs.map((jobId) => done({ queue: 'source-sync', jobId, deduplicated: false })));
    expect(synced[0]).toMatchObject({ dealId: deal.id, syncs: [{ mode: 'incremental', created: 1, changed: 1, deleted: 0 }] });
    await expect(done(await app.queueSourceSync(deal.id, 'gdrive', 'full'))).resolves.toMatchObject({
      syncs: [{ mode: 'full', created: 0, changed: 0 }],
    });
    const { documents } = (await api.call('GET', `/api/documents?dealId=${deal.id}`)).body.data;
    expect(documents.map(({ name }: { name: string }) => name)).toEqual(['lease.txt', 'supply.txt']);
  });
});

/** Google Drive, as it stands in for Google here. */
const googleEnvironment = (google: GoogleStandIn) => ({
  GOOGLE_CLIENT_ID: google.client.id,
  GOOGLE_CLIENT_SECRET: google.client.secret,
  GOOGLE_API_ROOT_URL: google.url,
  GOOGLE_AUTH_URL: google.authUrl,
  GOOGLE_TOKEN_URL: google.tokenUrl,
  TOKEN_ENCRYPTION_KEY: `test:${randomBytes(32).toString('base64')}`,
});

/** As the deal room's guide has it, but for what the servers of this test say. */
const dealEnvironment = { DAILY_BRIEF_TIME: '0 8 * * *', TIMEZONE: 'America/New_York' };

/** The transaction, and the two statements that set a row back and cancel it; `…` is left for the job's id. */
function pageSql({ user, story }: { user: string; story: string }): string[] {
  const page = readFileSync(new URL('../../docs/outbox.md', import.meta.url), 'utf8');
  const block = page.match(/```sql\n(begin;[^`]*)```/)?.[1] ?? '';
  const [transaction = '', rest = ''] = block.split(/(?<=commit;)/);
  const filled = transaction.replace("values ('…'", `values ('${user}'`).replace('"storyId": "…"', `"storyId": "${story}"`);
  return [filled, ...rest.split('\n').flatMap((line) => /^update [^;]*/.exec(line)?.[0] ?? [])];
}

/** What the guide promises in `data`. */
function bodyOf(line: string, storyId: string): unknown {
  if (line.includes('-X POST')) {
    const story = { id: expect.any(String), hypeScore: expect.any(Number), ethicsScore: expect.any(Number) };
    return { story: { ...story, jobId: expect.stringMatching(/^story-enhancement-/) } };
  }
  if (line.includes('/job/')) {
    const scores = {
      hypeScore: expect.any(Number),
      ethicsScore: expect.any(Number),
      realityCheck: expect.any(String),
      eli5Summary: expect.any(String),
    };
    const result = { success: true, storyId, enhancedScores: scores, processingTime: expect.any(Number) };
    const times = { createdAt: expect.any(String), updatedAt: expect.any(String) };
    return { job: { id: `story-enhancement-${storyId}`, storyId, status: 'completed', result, ...times } };
  }
  if (line.includes('/stats')) {
    const counts = ['totalJobs', 'pendingJobs', 'completedJobs', 'failedJobs', 'queueSize'].map((name) => [name, expect.any(Number)]);
    return { stats: { ...Object.fromEntries(counts), openAIConfigured: expect.any(Boolean) } };
  }
  return expect.any(Object);
}
