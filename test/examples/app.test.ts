import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/port.ts';
import { type BuiltWorld, startBuiltWorld } from './built-world.ts';

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

it('worker:prod, run from dist, stops with code 0 on SIGTERM', async () => {
  world.worker.kill('SIGTERM');
  await expect(world.worker.exit).resolves.toEqual({ code: 0, signal: null });
});
