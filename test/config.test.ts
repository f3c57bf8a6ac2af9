import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { editDistance } from '../lib/config/did-you-mean.ts';
import { declaredIn, type Environment, namesOf } from '../lib/config/environment.ts';
import type { Role } from '../lib/config/mode.ts';
import { loadProducerConfig } from '../lib/config/producer.ts';
import { environment } from '../lib/config/variables/index.ts';
import { ConfigError, describeConfig, loadConfig, loadMigrateConfig } from '../lib/config.ts';
import { queues } from '../lib/jobs/index.ts';
import { renderEnvExample } from '../scripts/env-example.ts';

const services = { REDIS_URL: 'redis://localhost:6379', DATABASE_URL: 'postgresql://me:secret@localhost/app' };
const load = (env: Environment, role: Role = 'start') => loadConfig(env, { role });

function problemsOf(env: Environment, role: Role = 'start'): readonly string[] {
  try {
    load(env, role);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const dir = mkdtempSync(join(tmpdir(), 'hivepulse-config-'));
afterAll(() => rmSync(dir, { recursive: true }));
function file(name: string, content: string): string {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
}

describe('.env.example', () => {
  const written = readFileSync(new URL('../.env.example', import.meta.url), 'utf8');
  const lines = [...written.matchAll(/^# ([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, name = '', value = '']) => ({ name, value }));

  it('lists each variable once, and none that is unknown', () => {
    expect(lines.map(({ name }) => name).sort()).toEqual(
      declaredIn(environment)
        .map(({ name }) => name)
        .sort(),
    );
  });

  it('names the default of each: uncommented as a whole it changes nothing', () => {
    const uncommented = parseEnv(lines.map(({ name, value }) => `${name}=${value}`).join('\n'));
    const [all, none] = [load({ ...uncommented, WORKER_ID: 'w' }), load({ WORKER_ID: 'w' })];
    expect(all).toEqual(none);
    for (const { name, about } of declaredIn(environment)) {
      if (about.default !== undefined) expect(uncommented[name]).toBe(about.default);
    }
  });

  it('says what each one means and is as the schema makes it', () => {
    for (const { about } of declaredIn(environment)) expect(about.meaning).toMatch(/^.{10,}\.$/);
    expect(written).toBe(renderEnvExample());
  });

  it('shows the numbers of the catalogue for each queue', () => {
    expect(lines).toContainEqual({ name: 'DAILY_BRIEF_ATTEMPTS', value: `${queues['daily-brief'].attempts}` });
    expect(lines).toContainEqual({ name: 'SOURCE_SYNC_TIMEOUT_MS', value: '3600000' });
    expect(lines).toContainEqual({ name: 'STORY_ENHANCEMENT_KEEP_FAILED', value: '50' });
  });
});

describe('the numbers of a queue', () => {
  it('are those of the catalogue unless a variable says otherwise', () => {
    expect(load({}).queues['story-enhancement']).toEqual({
      concurrency: 5,
      attempts: 3,
      backoff: { delayMs: 2_000, factor: 2, capMs: 900_000 },
      timeoutMs: 120_000,
      keep: { completed: 100, failed: 50 },
      fairness: true,
      maxPerKey: 0,
      maxActive: 0,
    });
    expect(load({}).queues['source-sync']).toMatchObject({ attempts: 5, backoff: { delayMs: 10_000, factor: 5 } });
  });

  it.each<[string, Environment, object]>([
    ['MAX_RETRIES is attempts - 1', { MAX_RETRIES: '0' }, { attempts: 1 }],
    ['WORKER_MAX_ATTEMPTS wins over MAX_RETRIES', { MAX_RETRIES: '3', WORKER_MAX_ATTEMPTS: '3' }, { attempts: 3 }],
    ['the queue’s own wins over all', { MAX_RETRIES: '3', WORKER_MAX_ATTEMPTS: '3', STORY_ENHANCEMENT_ATTEMPTS: '7' }, { attempts: 7 }],
    ['FAIRNESS sets all', { FAIRNESS: 'off' }, { fairness: false }],
    ['a queue’s fairness wins', { FAIRNESS: 'off', STORY_ENHANCEMENT_FAIRNESS: 'on' }, { fairness: true }],
    ['caps are a queue’s own', { STORY_ENHANCEMENT_MAX_PER_KEY: '2', STORY_ENHANCEMENT_MAX_ACTIVE: '20' }, { maxPerKey: 2, maxActive: 20 }],
    ['WORKER_CONCURRENCY sets all', { WORKER_CONCURRENCY: '9' }, { concurrency: 9 }],
    ['a queue’s concurrency wins', { WORKER_CONCURRENCY: '9', STORY_ENHANCEMENT_CONCURRENCY: '1' }, { concurrency: 1 }],
    ['WORKER_BACKOFF_DELAY sets all', { WORKER_BACKOFF_DELAY: '100' }, { backoff: { delayMs: 100, factor: 2, capMs: 900_000 } }],
    [
      'a queue’s delay wins',
      { WORKER_BACKOFF_DELAY: '100', STORY_ENHANCEMENT_BACKOFF_DELAY: '5' },
      { backoff: { delayMs: 5, factor: 2, capMs: 900_000 } },
    ],
    [
      'timeout and retention have variables too',
      { STORY_ENHANCEMENT_TIMEOUT_MS: '1000', STORY_ENHANCEMENT_KEEP_COMPLETED: '0', STORY_ENHANCEMENT_KEEP_FAILED: '9' },
      { timeoutMs: 1_000, keep: { completed: 0, failed: 9 } },
    ],
  ])('%s', (_name, env, expected) => {
    expect(load(env).queues['story-enhancement']).toMatchObject(expected);
    expect(load(env).queues['source-sync'].timeoutMs).toBe(3_600_000);
  });
});

describe('values', () => {
  it('are read under the names of the seeds', () => {
    const supabase = { REDIS_HOST: 'redis', NEXT_PUBLIC_SUPABASE_URL: 'http://localhost:8005', SUPABASE_SERVICE_ROLE_KEY: 'k' };
    expect(load(supabase).mode).toMatchObject({ database: { url: 'http://localhost:8005' } });
    expect(load({ ...supabase, SUPABASE_URL: 'http://kong:8000' }).mode).toMatchObject({ database: { url: 'http://kong:8000' } });
    expect(load({ POLL_INTERVAL: '2000' }).worker.pollIntervalMs).toBe(2_000);
    expect(load({ POLLING_INTERVAL: '3000' }).worker.pollIntervalMs).toBe(3_000);
    expect(load({ POLL_INTERVAL_MS: '1000', POLL_INTERVAL: '2000' }).worker.pollIntervalMs).toBe(1_000);
    expect(load({ DAILY_BRIEF_TIME: '*/30 * * * *', TIMEZONE: 'Europe/Berlin' }).scheduler).toMatchObject({
      dailyBriefTime: '*/30 * * * *',
      timeZone: 'Europe/Berlin',
    });
    expect(load({ WORKER_QUEUES: 'review-ai, gmail-fetch' }).worker.queues).toEqual(['review-ai', 'gmail-fetch']);
  });

  it('may carry the quotes and comments that docker run --env-file hands on; empty means not set', () => {
    const config = load({
      MAX_RETRIES: '3                # Maximum retry attempts',
      DAILY_BRIEF_TIME: '"0 6,18 * * *"  # twice',
      WORKER_ID: '""  # Optional',
      PORT: ' ',
    });
    expect([config.queues['review-ai'].attempts, config.scheduler.dailyBriefTime, config.api.port]).toEqual([4, '0 6,18 * * *', 3000]);
    expect(config.worker.id).toMatch(/^worker-[0-9a-f]{8}$/);
    expect(load({ OPENAI_API_KEY: 'sk #1' }).ai.openai?.apiKey).toBe('sk #1');
  });

  it('of secrets may come from files', () => {
    const env = {
      OPENAI_API_KEY_FILE: file('key', 'sk-from-file\n'),
      REDIS_URL_FILE: file('redis', 'redis://:pw@r:1'),
      DATABASE_URL: services.DATABASE_URL,
    };
    expect(load(env).ai.openai?.apiKey).toBe('sk-from-file');
    expect(load(env).mode).toMatchObject({ queue: { connection: { host: 'r', password: 'pw' } } });
    expect(problemsOf({ OPENAI_API_KEY_FILE: join(dir, 'missing') })).toEqual([
      expect.stringMatching(/^OPENAI_API_KEY_FILE names .*missing, which cannot be read/),
    ]);
    expect(problemsOf({ OPENAI_API_KEY_FILE: file('empty', '\n') })).toEqual([expect.stringMatching(/which is empty$/)]);
    expect(problemsOf({ OPENAI_API_KEY_FILE: file('key', 'a'), OPENAI_API_KEY: 'b' })).toEqual([
      'OPENAI_API_KEY and OPENAI_API_KEY_FILE are both set: remove one',
    ]);
  });

  it.each<[string, string]>([
    ['PORT', '70000'],
    ['PORT', '80.5'],
    ['MAX_RETRIES', '-1'],
    ['POLL_INTERVAL', '5s'],
    ['LOG_LEVEL', 'loud'],
    ['SCHEDULER', 'maybe'],
    ['TIMEZONE', 'New York'],
    ['DAILY_BRIEF_TIME', '0 8 * *'],
    ['DAILY_BRIEF_TIME', '0 24 * * *'],
    ['DAILY_BRIEF_TIME', '0 8 */x * *'],
    ['SUPABASE_URL', 'your_supabase_url'],
    ['OPENAI_BASE_URL', 'ftp://x'],
    ['WORKER_QUEUES', 'story-enhancement,reviews'],
    ['AI_DAILY_BUDGET_USD', '5 euros'],
    ['CORS_ORIGINS', 'example.com'],
    ['REDIS_SENTINELS', 'a:b:c'],
    ['STORY_ENHANCEMENT_CONCURRENCY', '0'],
    ['QUEUE_PREFIX', '{x}'],
    ['GMAIL_QUOTA', '2027'],
    ['MICROSOFT_TENANT_ID', '../evil'],
    ['TOKEN_ENCRYPTION_KEY', '1:c2hvcnQ='],
  ])('that do not fit are refused, naming the variable that was set: %s=%s', (name, value) => {
    expect(problemsOf({ [name]: value })).toContainEqual(expect.stringMatching(new RegExp(`^${name} must be `)));
  });

  it('that fit together are asked for together', () => {
    expect(problemsOf({ ADMIN_USER: 'me' })).toEqual(['ADMIN_USER and ADMIN_PASSWORD belong together: set both or none']);
    expect(problemsOf({ AI_PROVIDER: 'openai', REVIEW_AI_AI_PROVIDER: 'anthropic' })).toEqual([
      'AI_PROVIDER=openai needs OPENAI_API_KEY',
      'REVIEW_AI_AI_PROVIDER=anthropic needs ANTHROPIC_API_KEY',
    ]);
  });

  it('of encryption keys are read in hex and in base64', () => {
    const [hex, base64] = ['ab'.repeat(32), Buffer.alloc(32, 7).toString('base64')];
    expect(load({ TOKEN_ENCRYPTION_KEY: `new:${base64},old:${hex}` }).tokenKeys).toEqual([
      { id: 'new', key: base64 },
      { id: 'old', key: Buffer.from(hex, 'hex').toString('base64') },
    ]);
    expect(problemsOf({ TOKEN_ENCRYPTION_KEY: `a:${base64},a:${hex}` })).toEqual(['TOKEN_ENCRYPTION_KEY has two keys with the same id']);
  });

  it('of the AI layer say who has a key and what each queue uses', () => {
    expect(
      load({ ANTHROPIC_API_KEY: 'a', ANTHROPIC_BASE_URL: 'http://localhost:4010/', DAILY_BRIEF_AI_MODEL: 'm', AI_DAILY_BUDGET_USD: '12.50' }).ai,
    ).toEqual({
      provider: 'auto',
      anthropic: { apiKey: 'a', baseUrl: 'http://localhost:4010', model: 'claude-haiku-5-5' },
      perQueue: { 'daily-brief': { model: 'm' } },
      timeoutMs: 60_000,
      dailyBudgetUsd: 12.5,
    });
  });

  it('cannot be changed afterwards', () => {
    const config = load({});
    expect(() => Object.assign(config.queues['review-ai'].backoff, { delayMs: 1 })).toThrow(TypeError);
  });
});

describe('problems', () => {
  it('are all in one message', () => {
    const env = { REDIS_ULR: 'redis://r', OPENAI_APIKEY: 'k', PORT: 'abc', ADMIN_USER: 'me', DATABASE_URL: services.DATABASE_URL };
    expect(() => load(env, 'worker')).toThrow(ConfigError);
    expect(problemsOf(env, 'worker')).toEqual([
      'PORT must be a whole number from 1 to 65535; it is "abc"',
      expect.stringContaining('REDIS_ULR is unknown: did you mean REDIS_URL?'),
      expect.stringContaining('OPENAI_APIKEY is unknown: did you mean OPENAI_API_KEY?'),
      expect.stringContaining('a database is named, but no queue'),
      expect.stringContaining('ADMIN_USER and ADMIN_PASSWORD belong together'),
    ]);
    expect(() => load(env, 'worker')).toThrow(/has 5 problems:\n {2}- PORT[\s\S]*\.env\.example\.$/);
  });

  it('never show a secret', () => {
    expect(problemsOf({ REDIS_URL: 'http://:hunter2@x', DATABASE_URL: 'hunter2' }).join()).not.toContain('hunter2');
  });

  it.each<[string, string]>([
    ['STORY_ENHANCMENT_CONCURRENCY', 'STORY_ENHANCEMENT_CONCURRENCY'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['openai_api_key', 'OPENAI_API_KEY'],
    ['OPENAI_API_KEY_FIEL', 'OPENAI_API_KEY_FILE'],
    ['NEXT_PUBLIC_SUPABASE_ULR', 'NEXT_PUBLIC_SUPABASE_URL'],
    ['TIMEZNE', 'TIMEZONE'],
  ])('name what was meant by %s', (name, meant) => {
    expect(problemsOf({ [name]: 'x' })).toEqual([expect.stringContaining(`did you mean ${meant}?`)]);
    expect(problemsOf({ [name]: 'x', HIVEPULSE_ALLOW_VARIABLES: name })).toEqual([]);
  });

  it('name unknown variables with our own prefix', () => {
    expect(problemsOf({ HIVEPULSE_TURBO: '1' })).toEqual(['HIVEPULSE_TURBO is unknown: there is no such variable']);
  });

  it('are not seen in names that belong to something else', () => {
    const names =
      'PATH HOME PWD USER SHELL LANG TERM HOSTNAME LOGNAME TZ DEBUG NODE_ENV NODE_OPTIONS PGHOST PGPORT PGUSER PORT2 API_PORT npm_config_port OPENAI_API_KEY_2';
    const more =
      'OPENAI_ORG_ID REDIS_SERVICE_HOST REDIS_PORT_6379_TCP SUPABASE_DB_URL DATABASE_URL_UNPOOLED POSTGRES_URL NEXT_PUBLIC_APP_URL SMTP_HOST GOOGLE_APPLICATION_CREDENTIALS CI';
    const env = Object.fromEntries([...names.split(' '), ...more.split(' ')].map((name) => [name, 'x']));
    expect(problemsOf(env)).toEqual([]);
  });

  it('are measured in letters wrong, missing, too many or swapped', () => {
    expect([editDistance('ULR', 'URL'), editDistance('A', 'A'), editDistance('APIKEY', 'API_KEY'), editDistance('ABC', 'XBZ')]).toEqual([1, 0, 1, 2]);
  });
});

describe('the start banner', () => {
  it('shows the settings and no secret', () => {
    const env: Record<string, string> = { ...services, WORKER_CONCURRENCY: '9', SUPABASE_URL: 'https://user:hunter2@abc.supabase.co?apikey=hunter2' };
    const texts = {
      REDIS_URL: 'redis://hunter2:hunter2@r:1',
      DATABASE_URL: 'postgresql://hunter2:hunter2@db/app?password=hunter2',
      SMTP_URL: 'smtp://hunter2:hunter2@m',
    };
    const secrets = declaredIn(environment).filter(({ about }) => about.secret);
    for (const { name } of secrets) env[name] = 'hunter2';
    Object.assign(env, texts, {
      BRIEF_WEBHOOK_URL: 'https://x/hunter2',
      ALERT_WEBHOOK_URL: 'https://x/hunter2',
      TOKEN_ENCRYPTION_KEY: `a:${'ab'.repeat(32)}`,
      REDIS_TLS_KEY: '-----BEGIN hunter2',
      REDIS_TLS_CERT: '-----BEGIN hunter2',
      REDIS_USERNAME: 'hunter2',
      ADMIN_USER: 'me',
      GOOGLE_CLIENT_ID: 'g',
      MICROSOFT_CLIENT_ID: 'm',
      REDIS_PASSWORD: 'hunter2',
    });
    delete env.REDIS_SENTINEL_PASSWORD;
    for (const queueBackend of ['redis', 'postgres']) {
      const shown = JSON.stringify(describeConfig(load({ ...env, QUEUE_BACKEND: queueBackend })));
      expect(shown).not.toContain('hunter2');
      expect(shown).not.toContain('abababab');
      expect(shown).toContain('9 at a time');
      expect(shown).toContain('abc.supabase.co');
    }
  });
});

describe('producers', () => {
  it('take the queue when there is one, with the numbers that are read where a job is added', () => {
    expect(loadProducerConfig({ ...services, HIVEPULSE_URL: 'http://h', HIVEPULSE_API_KEY: 'k', WORKER_MAX_ATTEMPTS: '8' })).toMatchObject({
      kind: 'queue',
      queue: { kind: 'redis', connection: { host: 'localhost' } },
      database: { kind: 'lite' },
      queues: { 'daily-brief': { attempts: 8 } },
    });
    expect(loadProducerConfig({ REDIS_URL: 'redis://r' })).not.toHaveProperty('database');
  });

  it('go over HTTP without one, and say what to set without either', () => {
    expect(loadProducerConfig({ HIVEPULSE_URL: 'http://h/', HIVEPULSE_API_KEY: 'k', DATABASE_URL: services.DATABASE_URL })).toEqual({
      kind: 'http',
      url: 'http://h',
      apiKey: 'k',
    });
    expect(loadProducerConfig({})).toEqual({ kind: 'none', message: expect.stringMatching(/REDIS_URL.*HIVEPULSE_URL and HIVEPULSE_API_KEY/) });
    expect(() => loadProducerConfig({ HIVEPULSE_URL: 'http://h' })).toThrow('HIVEPULSE_URL needs HIVEPULSE_API_KEY');
  });

  it('are not stopped by what else the app has in its environment', () => {
    expect(loadProducerConfig({ REDIS_ULR: 'x', PORT: 'named-pipe', LOG_LEVEL: 'loud', SUPABASE_SERVICE_ROLE_KEY: 'k' })).toMatchObject({
      kind: 'none',
    });
    expect(() => loadProducerConfig({ REDIS_URL: 'x' })).toThrow(ConfigError);
  });
});

describe('migrate', () => {
  it('needs the database and nothing else', () => {
    expect(loadMigrateConfig({ DATABASE_URL: services.DATABASE_URL, PORT: 'x' })).toMatchObject({
      databaseUrl: services.DATABASE_URL,
      log: { level: 'info' },
    });
    expect(loadMigrateConfig({ DATABASE_URL: services.DATABASE_URL, QUEUE_BACKEND: 'postgres' }).queueInPostgres).toBe(true);
    expect(() => loadMigrateConfig({ DATABASE_ULR: 'x' })).toThrow(/DATABASE_URL is missing[\s\S]*did you mean DATABASE_URL\?/);
  });
});

describe('every name', () => {
  it('is read once', () => {
    const names = declaredIn(environment).flatMap(namesOf);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});
