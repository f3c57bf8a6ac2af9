import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/port.ts';
import { type BuiltWorld, startBuiltWorld } from './built-world.ts';
import { parseCurl } from './curl.ts';

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
    const { code, output, errors } = await world.runApp([id], env());
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
    const { code, errors } = await world.runApp([id], env());
    expect({ code, errors }).toMatchObject({ code: 1, errors: expect.stringContaining(`Story ${id} does not exist`) });
  });

  it('is told what to set when the environment names nothing', async () => {
    const { code, errors } = await world.runApp([randomUUID()], {});
    expect(code).toBe(1);
    expect(errors).toMatch(/not_configured: .*REDIS_URL.*HIVEPULSE_URL/);
  });

  it('is told that nothing was sent when no API answers', async () => {
    const { code, errors } = await world.runApp([randomUUID()], { ...overHttp(), HIVEPULSE_URL: `http://127.0.0.1:${await freePort()}` });
    expect(code).toBe(1);
    expect(errors).toMatch(/^not_sent: .*\(worth another try\)/m);
  });
});

describe('the curl lines of docs/migrating.md', () => {
  const lines =
    readFileSync(new URL('../../docs/migrating.md', import.meta.url), 'utf8').match(/^curl (?:.*\\\n|.*'\{\n(?: {4}.*\n)+ {2})*.*$/gm) ?? [];

  it('are those of the old worker', () => {
    expect(lines.map((line) => parseCurl(line, {}).url.replace('http://localhost:3000', ''))).toEqual([
      '/api/stories',
      '/api/stories/scoring/job/story-enhancement-',
      '/api/stories/scoring/stats',
      '/api/stories/scoring/openai/test',
    ]);
  });

  it.each(lines.map((line) => [line.split('\n', 1)[0], line] as const))('work: %s', async (_, line) => {
    const { url, ...init } = parseCurl(line, { TOKEN: world.apiKey, STORY_ID: await world.createStory('An old story') });
    const response = await fetch(url.replace('http://localhost:3000', world.apiUrl), init);
    expect({ ok: response.ok, body: await response.json() }).toMatchObject({ ok: true, body: { success: true, data: expect.any(Object) } });
  });
});

it('worker:prod, run from dist, stops with code 0 on SIGTERM', async () => {
  world.worker.kill('SIGTERM');
  await expect(world.worker.exit).resolves.toEqual({ code: 0, signal: null });
});
