import { createServer, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/port.ts';
import { startProcess } from '../support/process.ts';

/** Stands for the process beside the check. */
let answer: (response: ServerResponse) => void;
const paths: (string | undefined)[] = [];
const server = createServer((request, response) => {
  paths.push(request.url);
  answer(response);
});
let port: string;
beforeAll(async () => {
  port = `${await freePort()}`;
  await new Promise<void>((resolve) => server.listen(Number(port), '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function check(role: string, env: Record<string, string>) {
  const run = startProcess(['cli/health.ts', role], { env });
  const { code } = await run.exit;
  return { code, out: run.lines.join('\n'), err: run.errorLines.join('\n') };
}

const says =
  (status: number, body: object) =>
  (response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

it.each([
  ['worker', 'WORKER_PORT'],
  ['scheduler', 'WORKER_PORT'],
  ['api', 'PORT'],
])('a %s that is live is healthy, on the port that %s names, wherever it is bound to', async (role, variable) => {
  answer = says(200, { live: true });
  expect(await check(role, { [variable]: port, HOST: '192.0.2.1' })).toEqual({ code: 0, out: `${role}: 200 {"live":true}`, err: '' });
  expect(paths.at(-1)).toBe('/health/live');
});

it('one that says that it is not live is not, with what it says', async () => {
  answer = says(503, { live: false, silent: ['review-ai'] });
  expect(await check('worker', { WORKER_PORT: port })).toEqual({ code: 1, out: '', err: 'worker: 503 {"live":false,"silent":["review-ai"]}' });
});

it('one that gives no answer is not, after 2 s', async () => {
  answer = () => undefined;
  expect(await check('worker', { WORKER_PORT: port })).toEqual({ code: 1, out: '', err: 'worker: no answer within 2000 ms' });
});

it('one that cut its answer off, does not listen, or has no port is not', async () => {
  answer = (response) => {
    response.writeHead(200, { 'content-length': '100' }).write('{', () => response.destroy());
  };
  const free = `${await freePort()}`;
  const said = await Promise.all([check('worker', { WORKER_PORT: port }), check('api', { PORT: free }), check('worker', {}), check('walker', {})]);
  expect(said).toEqual([
    { code: 1, out: '', err: 'worker: aborted' },
    { code: 1, out: '', err: `api: connect ECONNREFUSED 127.0.0.1:${free}` },
    { code: 1, out: '', err: 'worker: WORKER_PORT names no port to ask' },
    { code: 1, out: '', err: expect.stringContaining('usage: health worker|') },
  ]);
});
