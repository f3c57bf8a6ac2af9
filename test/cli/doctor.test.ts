import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgeSkew, measureSkew } from '../../cli/doctor/clock.ts';
import { supabaseKey } from '../../cli/doctor/supabase-key.ts';
import { migrate } from '../../lib/db/migrate.ts';
import { freePort } from '../support/port.ts';
import { startProcess } from '../support/process.ts';
import { startRedis } from '../support/redis.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import { runCli, typeCli } from './support.ts';

interface Report {
  code: number | null;
  ok: boolean;
  findings: { check: string; level: string; message: string; cure?: string }[];
}

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'hivepulse-doctor-'));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

async function doctor(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Report> {
  const { code, out, err } = await typeCli(['doctor', '--json', ...args], env);
  expect(err).toBe('');
  return { code, ...JSON.parse(out) };
}

const errorsOf = ({ findings }: Report) => findings.filter(({ level }) => level === 'error');

describe('where services are named', () => {
  let world: World;
  let sound: Record<string, string>;
  beforeAll(async () => {
    world = await startWorld({ queue: 'redis', appendOnly: true });
    const { OPENAI_API_KEY: _, ...env } = world.env;
    sound = { ...env, AI_PROVIDER: 'local' };
  });
  afterAll(() => world?.stop());

  it('misses a worker, and finds nothing wrong once one runs', async () => {
    const before = await doctor(sound);
    expect(before).toMatchObject({ code: 0, ok: true });
    expect(before.findings).toContainEqual(expect.objectContaining({ check: 'workers', level: 'warning', message: 'No worker was ever seen' }));

    const worker = await world.startWorker({ WORKER_QUEUES: 'story-enhancement' });
    const during = await eventually(async () => [await doctor(sound)].find(({ findings }) => findings.every(({ level }) => level === 'ok')));
    expect(new Set(during.findings.map(({ check }) => check))).toEqual(
      new Set(['configuration', 'keys', 'queue', 'clock', 'database', 'migrations', 'workers', 'outbox', 'dead letters']),
    );
    await worker.stop();
    const told = await runCli(['doctor'], { cwd, env: sound });
    expect(told).toMatchObject({ code: 0, out: expect.stringMatching(/All is well\.$/) });
    expect(told.out).toMatch(/^ok +queue +Redis \d+\.\d+\.\d+ at redis 127\.0\.0\.1:\d+\/0, prefix hivepulse$/m);
  });

  it('counts dead letters, and says where they are listed', async () => {
    const letter = {
      queue: 'review-ai',
      name: 'ai_generation',
      payload: {},
      error: 'no',
      stack: null,
      attempts: 1,
      userId: null,
      correlationId: null,
    };
    await world.db.failedJobs.record({ ...letter, jobId: 'a', run: 1 });
    const found = (await doctor(sound)).findings.find(({ check }) => check === 'dead letters');
    expect(found).toMatchObject({ level: 'warning', message: '1 failed for good, by 1 cause', cure: expect.stringContaining('dead-letters groups') });
  });

  it('finds a Redis that throws jobs away', async () => {
    const careless = await startRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] });
    const report = await doctor({ ...sound, REDIS_URL: careless.url });
    await careless.stop();
    expect(report).toMatchObject({ code: 1, ok: false });
    expect(errorsOf(report)).toEqual([{ check: 'queue', level: 'error', message: expect.stringContaining('set maxmemory-policy noeviction') }]);
  });

  it('finds a Redis that is away, or wants a password, and shows none', async () => {
    const locked = await startRedis({ args: ['--requirepass', 'opensesame'] });
    const away = await doctor({ ...sound, REDIS_URL: `redis://:hunter22@127.0.0.1:${await freePort()}` });
    const refused = await doctor({ ...sound, REDIS_URL: locked.url.replace('//', '//:hunter22@') });
    await locked.stop();
    expect(errorsOf(away)).toEqual([expect.objectContaining({ check: 'queue', message: expect.stringContaining('ECONNREFUSED') })]);
    expect(errorsOf(refused)).toEqual([expect.objectContaining({ check: 'queue', message: expect.stringContaining('WRONGPASS') })]);
    expect(JSON.stringify([away, refused])).not.toMatch(/hunter22|opensesame/);
  });

  it('finds a database API that is away, and keys that it refuses', async () => {
    const away = await doctor({ ...sound, SUPABASE_URL: `http://127.0.0.1:${await freePort()}` });
    expect(errorsOf(away)).toEqual([expect.objectContaining({ check: 'database', cure: expect.stringContaining('SUPABASE_URL') })]);
    const wrong = await doctor({ ...sound, SUPABASE_SERVICE_ROLE_KEY: 'sb_secret_of_another_project' });
    expect(errorsOf(wrong)).toEqual([expect.objectContaining({ check: 'database', cure: expect.stringContaining('SUPABASE_SERVICE_ROLE_KEY') })]);
    const swapped = await doctor({ ...sound, SUPABASE_SERVICE_ROLE_KEY: String(sound.SUPABASE_PUBLISHABLE_KEY) });
    expect(errorsOf(swapped)).toContainEqual(expect.objectContaining({ check: 'keys', message: expect.stringContaining('holds the publishable') }));
    for (const report of [away, wrong, swapped]) {
      expect(report.code).toBe(1);
      for (const name of ['SUPABASE_SERVICE_ROLE_KEY', 'SUPABASE_PUBLISHABLE_KEY', 'API_KEYS'])
        expect(JSON.stringify(report)).not.toContain(sound[name]);
    }
  });

  it('finds a Postgres without migrations, and leaves it as it was', async () => {
    const bare = await world.postgres.createDatabase();
    const { SUPABASE_URL: _, SUPABASE_SERVICE_ROLE_KEY: __, SUPABASE_PUBLISHABLE_KEY: ___, ...env } = sound;
    const report = await doctor({ ...env, DATABASE_URL: bare });
    expect(report.code).toBe(1);
    expect(errorsOf(report)).toEqual([
      { check: 'migrations', level: 'error', message: expect.stringContaining('_stories.sql'), cure: 'DATABASE_URL=… npm run migrate' },
    ]);
    const sql = postgres(bare, { max: 1 });
    const schemas = await sql<{ name: string }[]>`select nspname as name from pg_namespace where nspname not like 'pg_%'`;
    await sql.end();
    expect(schemas.map(({ name }) => name).sort()).toEqual(['information_schema', 'public']);

    await migrate({ databaseUrl: bare });
    expect(errorsOf(await doctor({ ...env, DATABASE_URL: bare }))).toEqual([]);
    const { REDIS_URL: ____, ...withoutRedis } = env;
    const queueless = await doctor({ ...withoutRedis, QUEUE_BACKEND: 'postgres', DATABASE_URL: bare });
    expect(errorsOf(queueless)).toEqual([expect.objectContaining({ check: 'migrations', cure: expect.stringContaining('QUEUE_BACKEND=postgres') })]);
  });

  it('finds a Postgres that is away, without its password', async () => {
    const { SUPABASE_URL: _, SUPABASE_SERVICE_ROLE_KEY: __, SUPABASE_PUBLISHABLE_KEY: ___, ...env } = sound;
    const report = await doctor({ ...env, DATABASE_URL: `postgresql://somebody:hunter22@127.0.0.1:${await freePort()}/x` });
    expect(errorsOf(report)).toEqual([expect.objectContaining({ check: 'database', message: expect.stringContaining('ECONNREFUSED') })]);
    expect(JSON.stringify(report)).not.toContain('hunter22');
  });

  it('asks OpenAI with --online alone', async () => {
    const answer = { check: 'keys', level: 'ok', message: 'OpenAI takes the key and knows gpt-6-luna' };
    expect((await doctor(world.env)).findings).not.toContainEqual(answer);
    expect((await doctor(world.env, '--online')).findings).toContainEqual(answer);
    const away = await doctor({ ...world.env, OPENAI_BASE_URL: `http://127.0.0.1:${await freePort()}/v1` }, '--online');
    expect(errorsOf(away)).toEqual([expect.objectContaining({ check: 'keys', message: expect.stringContaining('OpenAI says') })]);
  });
});

describe('by the environment alone', () => {
  it('names every problem of the configuration', async () => {
    const report = await doctor({ REDIS_UR: 'redis://localhost', PORT: 'high', ADMIN_USER: 'me' });
    expect(report.code).toBe(1);
    const messages = errorsOf(report).map(({ message }) => message);
    for (const words of ['did you mean REDIS_URL', 'PORT must be', 'ADMIN_USER and ADMIN_PASSWORD']) {
      expect(messages).toContainEqual(expect.stringContaining(words));
    }
  });

  it.each([
    [{ OPENAI_API_KEY: 'sk-ant-of-the-other' }, 'error', 'OPENAI_API_KEY does not look like'],
    [{ ANTHROPIC_API_KEY: 'your-key-here' }, 'error', 'ANTHROPIC_API_KEY does not look like'],
    [{ OPENAI_API_KEY: 'anything', OPENAI_BASE_URL: 'http://127.0.0.1:1' }, 'ok', 'of models: OpenAI'],
    [{ API_KEYS: 'short' }, 'warning', 'can be guessed'],
    [{}, 'warning', 'No key of a model'],
  ])('%j is %s', async (env, level, words) => {
    const { findings } = await doctor({ ...env, HIVEPULSE_DATA_DIR: ':memory:' });
    expect(findings).toContainEqual(expect.objectContaining({ check: 'keys', level, message: expect.stringContaining(words) }));
  });

  it('looks into an embedded folder that nobody works on, makes none, and lets be one that is in use', async () => {
    const dir = join(cwd, 'data');
    const fresh = await doctor({ HIVEPULSE_DATA_DIR: dir });
    expect(fresh).toMatchObject({ code: 0, findings: expect.arrayContaining([expect.objectContaining({ check: 'data folder', level: 'ok' })]) });
    expect(await readdir(cwd)).toEqual([]);

    const holder = startProcess(['test/db/lock-holder.ts', dir]);
    await holder.line((line) => line === 'locked');
    const busy = await doctor({ HIVEPULSE_DATA_DIR: dir });
    expect(busy.code).toBe(0);
    expect(busy.findings).toContainEqual({ check: 'data folder', level: 'ok', message: expect.stringContaining(`process ${holder.pid}`) });
    await holder.stop();

    const quiet = await doctor({ HIVEPULSE_DATA_DIR: dir });
    expect(quiet).toMatchObject({ code: 0, ok: true });
    expect(quiet.findings.map(({ check }) => check)).toEqual([
      'configuration',
      'keys',
      'keys',
      'data folder',
      'migrations',
      'outbox',
      'dead letters',
    ]);
  });
});

describe('clocks', () => {
  it.each([
    [0, 'ok'],
    [1_900, 'ok'],
    [5_000, 'warning'],
    [-5_000, 'warning'],
    [120_000, 'error'],
  ])('that are %s ms ahead are %s', (aheadMs, level) => {
    expect(judgeSkew('Redis', { aheadMs, uncertainMs: 10 }).level).toBe(level);
  });

  it('are compared as of the middle of the question, however long that took', async () => {
    let now = 1_000_000;
    const clock = { now: () => now, monotonic: () => now };
    const ask = async () => {
      now += 400;
      const theirs = now + 7_000;
      now += 400;
      return theirs;
    };
    expect(await measureSkew(clock, ask, 0)).toEqual({ aheadMs: 7_000, uncertainMs: 400 });
  });
});

it('a key of Supabase tells what it opens', () => {
  const jwt = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`;
  expect(supabaseKey('sb_secret_x')).toEqual({ role: 'secret' });
  expect(supabaseKey('sb_publishable_x')).toEqual({ role: 'publishable' });
  expect(supabaseKey(jwt({ role: 'service_role', ref: 'abc', exp: 1_700_000_000 }))).toEqual({
    role: 'secret',
    project: 'abc',
    expiresAt: 1_700_000_000_000,
  });
  expect(supabaseKey(jwt({ role: 'anon' }))).toEqual({ role: 'publishable' });
  expect(supabaseKey('what is this')).toEqual({});
});
