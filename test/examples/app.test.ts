import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../support/port.ts';
import { type BuiltWorld, startBuiltWorld } from './built-world.ts';
import { parseCurl } from './curl.ts';

const HOUR_MS = 3_600_000;

let world: BuiltWorld;
beforeAll(async () => {
  world = await startBuiltWorld();
}, 360_000);
afterAll(() => world?.stop());

const overHttp = () => ({ HIVEPULSE_URL: world.apiUrl, HIVEPULSE_API_KEY: world.apiKey });

describe('the example app, on the built package', () => {
  it.each([
    ['a Redis', () => ({ REDIS_URL: world.redisUrl })],
    ['HTTP and no Redis', overHttp],
  ])('queues a story and prints its result with %s', async (_, env) => {
    const id = await world.createStory('A battery that charges in ten seconds');
    const { code, output, errors } = await world.runApp('main.ts', [id], env());
    expect({ code, errors }).toMatchObject({ code: 0, errors: expect.stringContaining(`story-enhancement-${id}`) });
    expect(JSON.parse(output)).toMatchObject({
      success: true,
      storyId: id,
      provider: 'local',
      enhancedScores: { realityCheck: expect.any(String), claims: expect.any(Array) },
    });
  });

  it.each([
    ['a Redis', () => ({ REDIS_URL: world.redisUrl })],
    ['HTTP and no Redis', overHttp],
  ])('is told with %s that a story does not exist', async (_, env) => {
    const id = randomUUID();
    const { code, errors } = await world.runApp('main.ts', [id], env());
    expect({ code, errors }).toMatchObject({ code: 1, errors: expect.stringContaining(`Story ${id} does not exist`) });
  });

  it('is told what to set when the environment names nothing', async () => {
    const { code, errors } = await world.runApp('main.ts', [randomUUID()], {});
    expect(code).toBe(1);
    expect(errors).toMatch(/not_configured: .*REDIS_URL.*HIVEPULSE_URL/);
  });

  it('is told that nothing was sent when no API answers', async () => {
    const { code, errors } = await world.runApp('main.ts', [randomUUID()], { ...overHttp(), HIVEPULSE_URL: `http://127.0.0.1:${await freePort()}` });
    expect(code).toBe(1);
    expect(errors).toMatch(/^not_sent: .*\(worth another try\)/m);
  });
});

describe('the app that pays with credits', () => {
  const ways = [
    ['a Redis and a database', () => ({ REDIS_URL: world.redisUrl, DATABASE_URL: world.databaseUrl })],
    ['HTTP alone', overHttp],
  ] as const;

  it.each(ways)('prints the reply to a review with %s, for two credits', async (_, env) => {
    const user = await world.createUser(3);
    const { code, output, errors } = await world.runApp('review.ts', [user, 'Great service!'], env());
    expect({ code, errors }).toMatchObject({ code: 0, errors: expect.stringMatching(/^queued [0-9a-f-]{36}$/m) });
    expect(JSON.parse(output)).toMatchObject({ reply: expect.stringMatching(/\S/), tone: 'friendly', provider: 'local' });
    await expect(world.call('GET', '/api/credits', undefined, { 'x-user-id': user })).resolves.toMatchObject({ balance: 1 });
  });

  it.each(ways)('is told with %s that the credits are short, and by how much', async (_, env) => {
    const { code, errors } = await world.runApp('review.ts', [await world.createUser(1), 'Great service!'], env());
    expect({ code, errors }).toEqual({ code: 1, errors: expect.stringContaining('Please buy credits. The job costs 2 credits, the balance is 1') });
  });
});

describe('the app that asks in a transaction of its own', () => {
  const run = async (user: string, story: string, comment: string) =>
    world.runApp('transaction.ts', [user, story, comment], { DATABASE_URL: world.databaseUrl });
  const completed = (path: string, word: 'state' | 'status') =>
    vi.waitFor(async () => expect((await world.call('GET', path)).job[word]).toBe('completed'), { timeout: 20_000, interval: 200 });

  /** What stands in the database about a story. */
  const stored = async (story: string) => {
    const sql = postgres(world.databaseUrl, { max: 1, onnotice: () => {} });
    const counts = sql`
      select (select count(*)::int from comments where story_id = ${story}) as comments,
        (select count(*)::int from job_outbox where payload ->> 'storyId' = ${story}) as jobs`;
    return (await counts.finally(() => sql.end()))[0];
  };

  it('gets what it stored and the jobs done', async () => {
    const story = await world.createStory('A pump');
    // Unfinished, it would do the work of the second one too.
    await completed(`/api/stories/scoring/job/story-enhancement-${story}`, 'status');
    const { code, output } = await run(await world.createUser(1), story, 'I love this pump.');
    expect(code).toBe(0);
    const { sentimentJob, storyJob } = JSON.parse(output);
    await expect(stored(story)).resolves.toEqual({ comments: 1, jobs: 2 });
    await completed(`/api/queue/review-ai/jobs/${sentimentJob}`, 'state');
    await completed(`/api/queue/story-enhancement/jobs/${storyJob}`, 'state');
  });

  it('has stored nothing and asked for nothing when one of the jobs cannot be paid', async () => {
    const story = await world.createStory('A hose');
    const { code, errors } = await run(await world.createUser(), story, 'I love this hose.');
    expect({ code, errors }).toEqual({ code: 1, errors: expect.stringMatching(/^PT402: .* the balance is 0$/) });
    await expect(stored(story)).resolves.toEqual({ comments: 0, jobs: 1 });
  });
});

describe('the curl lines of docs/migrating.md', () => {
  const lines =
    readFileSync(new URL('../../docs/migrating.md', import.meta.url), 'utf8').match(/^curl (?:.*\\\n|.*'\{\n(?: {4}.*\n)+ {2})*.*$/gm) ?? [];

  /** A review job that will not start during the test. */
  const waitingJob = async (user: string): Promise<string> => {
    const body = { type: 'sentiment_analysis', payload: { text: 'Fine.' }, options: { delay: HOUR_MS } };
    return (await world.call('POST', '/api/jobs', body, { 'x-user-id': user })).job.id;
  };

  it('are those of the old workers', () => {
    expect(lines.map((line) => parseCurl(line, {}).url.replace('http://localhost:3000', ''))).toEqual([
      '/api/stories',
      '/api/stories/scoring/job/story-enhancement-',
      '/api/stories/scoring/stats',
      '/api/stories/scoring/openai/test',
      '/api/credits/grant',
      '/api/credits',
      '/api/jobs',
      '/api/jobs/',
      '/api/jobs?status=completed',
      '/api/jobs/',
      '/api/queue/trigger-daily-briefs',
      '/api/queue/stats',
    ]);
  });

  it.each(lines.map((line) => [line.split('\n', 1)[0], line] as const))('work: %s', async (_, line) => {
    const user = await world.createUser(10);
    const values = { TOKEN: world.apiKey, STORY_ID: await world.createStory('An old story'), USER_ID: user, JOB_ID: await waitingJob(user) };
    const { url, ...init } = parseCurl(line, values);
    const response = await fetch(url.replace('http://localhost:3000', world.apiUrl), init);
    // These two answer as their seed did.
    const shape = /\/api\/queue\//.test(url) ? {} : { data: expect.any(Object) };
    expect({ ok: response.ok, body: await response.json() }).toMatchObject({ ok: true, body: { success: true, ...shape } });
  });
});

it('worker:prod, run from dist, stops with code 0 on SIGTERM', async () => {
  world.worker.kill('SIGTERM');
  await expect(world.worker.exit).resolves.toEqual({ code: 0, signal: null });
});
