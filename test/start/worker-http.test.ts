import { afterEach, beforeEach, expect, it } from 'vitest';
import { UnavailableError } from '../../lib/errors.ts';
import { deadlineIn, type Service } from '../../lib/lifecycle.ts';
import { silentLogger } from '../../lib/log.ts';
import { createSilence, type Silence } from '../../start/silence.ts';
import { createWorkerHttp } from '../../start/worker-http.ts';
import { freePort } from '../support/port.ts';

let world: { running: boolean; missing: string[]; away: string[]; silence: Silence };
let url: string;
let http: Service;
beforeEach(async () => {
  world = { running: true, missing: [], away: [], silence: createSilence() };
  const unlessAway = async <T>(part: string, answer: T): Promise<T> => {
    if (world.away.includes(part)) throw new UnavailableError(`no route to ${part}.internal`);
    return answer;
  };
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  http = createWorkerHttp(
    {
      connections: { db: { check: () => unlessAway('database', { missingMigrations: world.missing }) } },
      queue: { ping: () => unlessAway('queue', undefined) },
      metrics: { render: () => unlessAway('metrics', 'up 1\n'), contentType: 'text/plain' },
      silence: world.silence,
      log: silentLogger,
    },
    { port, isRunning: () => world.running },
  );
  await http.start();
});
afterEach(() => http.stop(deadlineIn(1_000)));

const get = async (path: string): Promise<[number, unknown]> => {
  const reply = await fetch(url + path);
  return [reply.status, await reply.json()];
};
const readiness = (queue: string, database: string, process = 'ok') => ({ ready: false, checks: { queue, database, process } });

it('is live as long as its workers run, and says of which queues they fetch nothing any more', async () => {
  expect(await get('/health/live')).toEqual([200, { live: true }]);
  world.silence.tell(['review-ai', 'source-sync']);
  await world.silence.told;
  expect(await get('/health/live')).toEqual([503, { live: false, silent: ['review-ai', 'source-sync'] }]);
});

it('is not live where the workers have ended by themselves', async () => {
  world.running = false;
  expect(await get('/health/live')).toEqual([503, { live: false, silent: [] }]);
});

it('is ready when queue, database and migrations are, and else says which part is not, never where it is', async () => {
  expect(await get('/health/ready')).toEqual([200, { ready: true, checks: { queue: 'ok', database: 'ok', process: 'ok' } }]);
  world.missing = ['20261122000003_ai.sql'];
  expect(await get('/health/ready')).toEqual([503, readiness('ok', 'migrations missing: 20261122000003_ai.sql (npm run migrate)')]);
  world.away = ['database'];
  expect(await get('/health/ready')).toEqual([503, readiness('ok', 'unreachable')]);
  world.away = ['queue', 'database'];
  expect(await get('/health/ready')).toEqual([503, readiness('unreachable', 'unreachable')]);
  expect(await get('/health/live')).toEqual([200, { live: true }]);
  Object.assign(world, { away: [], missing: [], running: false });
  expect(await get('/health/ready')).toEqual([503, readiness('ok', 'ok', 'stopping')]);
});

it('tells nobody why something failed, nor of anything else', async () => {
  world.away = ['metrics'];
  expect(await get('/metrics')).toEqual([503, { error: 'unavailable' }]);
  expect(await get('/admin')).toEqual([404, { error: 'not_found' }]);
});
