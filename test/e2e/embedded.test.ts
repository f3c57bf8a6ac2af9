import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LlmServer, startLlm } from '../support/llm.ts';
import { freePort } from '../support/port.ts';
import { startProcess, type TestProcess } from '../support/process.ts';
import { type ApiProcess, apiAt, baseEnvironment, eventually, JUDGEMENT, leaksIn, newStoryBody, STORY_MARK } from '../support/world.ts';

describe('npm start with nothing in the environment', () => {
  const started: TestProcess[] = [];
  let llm: LlmServer;
  let dataDir: string;

  beforeAll(async () => {
    llm = await startLlm();
    llm.answerWith(JUDGEMENT);
    dataDir = await mkdtemp(join(tmpdir(), 'hivepulse-e2e-'));
  });
  afterAll(async () => {
    await Promise.all(started.map((running) => running.stop()));
    await llm?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const launch = async (): Promise<TestProcess> => {
    const { API_KEYS: _, ...env } = baseEnvironment();
    const running = startProcess('start/main.ts', {
      env: { ...env, PORT: `${await freePort()}`, HIVEPULSE_DATA_DIR: dataDir, OPENAI_BASE_URL: llm.openaiBaseUrl, BODY_LIMIT_BYTES: '4096' },
    });
    started.push(running);
    return running;
  };

  /** Where it is and the key it has made, from what it shows to the person at the terminal. */
  const open = async (running: TestProcess): Promise<Pick<ApiProcess, 'url' | 'call'> & { key: string }> => {
    const word = async (pattern: RegExp): Promise<string> => pattern.exec(await running.line((line) => pattern.test(line)))?.[1] ?? '';
    const key = await word(/API key +(\S+)/);
    return { ...apiAt(await word(/Hivepulse is up: (\S+)/), key), key };
  };

  it('scores stories, guards its door and its folder, and keeps all of it over SIGTERM and a new start', async () => {
    const first = await launch();
    const api = await open(first);

    const second = await launch();
    expect(await second.exit).toMatchObject({ code: 1 });
    expect(second.errorLines.join('\n')).toContain(`process ${first.pid}`);
    expect(second.errorLines.join('\n')).toContain(dataDir);

    const posted = await api.call('POST', '/api/stories', newStoryBody());
    expect(posted.status).toBe(201);
    const { id } = posted.body.data.story;
    const read = async (from: Pick<ApiProcess, 'call'>) => (await from.call('GET', `/api/stories/${id}`)).body.data.story;
    const refined = await eventually(async () => [await read(api)].find(({ scoringStatus }) => scoringStatus === 'refined'));
    expect(refined).toMatchObject(JUDGEMENT);

    expect((await api.call('GET', '/api/stories', undefined, { authorization: 'Bearer wrong' })).status).toBe(401);
    expect((await api.call('POST', '/api/stories', { ...newStoryBody(), content: 'x'.repeat(5_000) })).status).toBe(413);
    const broken = await api.call('POST', '/api/stories', '{"title": "unfinished}');
    expect(broken).toMatchObject({ status: 400, body: { success: false, error: { code: 'invalid_json' } } });
    expect(broken.body.error.message).toMatch(/position|line/);

    first.kill('SIGTERM');
    expect(await first.exit).toEqual({ code: 0, signal: null });
    const third = await launch();
    const again = await open(third);
    expect(again.key).toBe(api.key);
    expect(await read(again)).toEqual(refined);
    const { body } = await again.call('POST', `/api/stories/${id}/enhance`);
    const job = await eventually(async () => {
      const seen = await again.call('GET', `/api/stories/scoring/job/${body.data.runJobId}`);
      return seen.body.data.job.status === 'completed' && seen.body.data.job;
    });
    expect(job.result.unchanged).toBe(true);
    expect(llm.requests()).toHaveLength(1);
    third.kill('SIGINT');
    expect(await third.exit).toEqual({ code: 0, signal: null });

    // The key is for the person at the terminal alone, never in a log line.
    expect(leaksIn(started, [STORY_MARK, String(baseEnvironment().OPENAI_API_KEY)])).toEqual([]);
    expect(leaksIn(started, [api.key]).filter((line) => line.startsWith('{'))).toEqual([]);
  }, 90_000);
});

describe('a process that is told too little', () => {
  const words = async (main: string, env: Record<string, string>): Promise<string> => {
    const running = startProcess(main, { env });
    expect(await running.exit).toEqual({ code: 1, signal: null });
    return running.errorLines.join('\n');
  };

  it('as a whole, with a queue and no database, stops and says what to add', async () => {
    const said = await words('start/main.ts', { REDIS_URL: 'redis://127.0.0.1:1' });
    expect(said).toContain('SUPABASE_URL');
    expect(said).toContain('DATABASE_URL');
  });

  it.each(['workers/main.ts', 'api/main.ts', 'schedulers/main.ts'])('%s, with nothing set, refuses and says what to set', async (main) => {
    const said = await words(main, {});
    for (const name of ['REDIS_URL', 'SUPABASE_URL', 'DATABASE_URL', 'npm start']) expect(said).toContain(name);
  });
});
