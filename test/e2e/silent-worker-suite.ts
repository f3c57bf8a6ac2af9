import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../support/port.ts';
import type { Exit, TestProcess } from '../support/process.ts';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { eventually, QUEUE, startWorld, type World } from '../support/world.ts';

/** In every process: standing still for good on SIGUSR2, without any work. */
const FREEZES = `process.on('SIGUSR2', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))`;

/** On a busy machine an event loop that loads modules gets no turn for a second or two. */
const SILENT_AFTER_MS = 3_000;

/** What becomes of a worker process whose fetching, or whose event loop, stands still, with the queues in `queue`. */
export function describeSilentWorkers(queue: 'redis' | 'postgres'): void {
  let world: World;
  let proxy: TcpProxy;
  let env: Record<string, string>;

  beforeAll(async () => {
    world = await startWorld({ queue });
    // What waits to be told of jobs, and on Redis also what takes them.
    proxy = await startProxy(world.queueServer.port, { marks: ['bzpopmin', ':stalled-check', 'hivepulse-listen'] });
    const url = world.queueServer.url.replace(`:${world.queueServer.port}`, `:${proxy.port}`);
    env = {
      ...(queue === 'redis' ? { REDIS_URL: url } : { DATABASE_URL: url }),
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(FREEZES)}`,
      WORKER_QUEUES: QUEUE,
      WORKER_SILENT_AFTER_MS: `${SILENT_AFTER_MS}`,
      SHUTDOWN_TIMEOUT_MS: '1000',
    };
  });
  beforeEach(async () => {
    env = { ...env, WORKER_PORT: `${await freePort()}` };
  });
  afterAll(async () => {
    await world?.stop();
    await proxy?.stop();
  });

  /** The connections on which jobs are fetched are dead from now on, new ones too; commands go on. */
  async function deafen(): Promise<void> {
    proxy.swallow();
    if (queue === 'redis') return;
    const listensAgain = proxy.seen('hivepulse-listen');
    await world.sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hivepulse-listen'`;
    await listensAgain;
  }

  const probe = async (path: string) => {
    const reply = await fetch(`http://127.0.0.1:${env.WORKER_PORT}${path}`);
    return [reply.status, await reply.json()];
  };
  const healthCheck = async () => {
    const check = world.start(['cli/health.ts', 'worker'], env);
    const { code } = await check.exit;
    return { code, says: [...check.lines, ...check.errorLines].join('\n') };
  };
  const done = async (count: number): Promise<void> => {
    const stories = await Promise.all(Array.from({ length: count }, () => world.createStory()));
    const jobIds = await Promise.all(stories.map((story) => world.enhance(story)));
    for (const jobId of jobIds) expect(await world.ended(jobId, 30_000)).toMatchObject({ state: 'completed', attemptsMade: 1 });
    const writes = await world.writes();
    expect(stories.map(({ id }) => writes.get(id))).toEqual(stories.map(() => 1));
  };

  describe(`a worker process, with the queues in ${queue}`, () => {
    it('that hears of no job any more ends with code 70, and the one that its supervisor starts does all of them, each once', async () => {
      const first = await world.startWorker(env);
      const { ended, current, stop } = supervise(first, () => world.startWorker(env));
      expect(await probe('/health/live')).toEqual([200, { live: true }]);
      expect(await probe('/health/ready')).toEqual([200, { ready: true, checks: { queue: 'ok', database: 'ok', process: 'ok' } }]);
      expect(await healthCheck()).toEqual({ code: 0, says: 'worker: 200 {"live":true}' });
      const waits = proxy.seen(queue === 'redis' ? 'bzpopmin' : 'SELECT 1 FROM job WHERE queue');
      await done(1);
      await waits;
      await deafen();
      const waiting = done(5);
      const entry = await first.entry(({ event }) => event === 'worker.silent');
      expect(entry).toMatchObject({ level: 'error', queues: [QUEUE], silentAfterMs: SILENT_AFTER_MS });
      proxy.resume();
      expect(await first.exit).toEqual({ code: 70, signal: null });
      await waiting;
      expect(first.lines.filter((line) => line.includes('worker.silent'))).toHaveLength(1);
      stop();
      current().kill('SIGTERM');
      await eventually(() => ended.length === 2);
      expect(ended).toEqual([
        { code: 70, signal: null },
        { code: 0, signal: null },
      ]);
    }, 60_000);

    it('whose event loop stands still says so and is killed', async () => {
      const worker = await world.startWorker(env);
      worker.kill('SIGUSR2');
      const line = await worker.entry(({ event }) => event === 'process.frozen');
      expect(line).toMatchObject({
        level: 'fatal',
        service: 'hivepulse-worker',
        silentAfterMs: SILENT_AFTER_MS,
        message: expect.stringContaining('stands still'),
      });
      expect(await worker.exit).toEqual({ code: null, signal: 'SIGKILL' });
      expect(worker.errorLines.filter((text) => text.includes('process.frozen'))).toHaveLength(1);
      expect(await healthCheck()).toMatchObject({ code: 1, says: expect.stringContaining('worker: connect ECONNREFUSED') });
    });

    it('that lacks migrations, or whose queue is away, is not ready, says which, and goes on', async () => {
      const worker = await world.startWorker(env);
      const [original] = await world.sql<{ code: string }[]>`select pg_get_functiondef('public.hivepulse_schema_version'::regproc) as code`;
      await world.sql`create or replace function public.hivepulse_schema_version() returns text language sql as $$ select '20261122000001' $$`;
      expect(await probe('/health/ready')).toMatchObject([
        503,
        { ready: false, checks: { queue: 'ok', database: expect.stringMatching(/^migrations missing: .*npm run migrate/) } },
      ]);
      await world.sql.unsafe(original?.code ?? '');
      expect(await probe('/health/ready')).toMatchObject([200, { ready: true }]);
      await world.queueServer.kill();
      const away = await eventually(async () => {
        const answer = await probe('/health/ready');
        return answer[0] === 503 && answer;
      });
      expect(away).toMatchObject([503, { ready: false, checks: { queue: 'unreachable' } }]);
      expect(await probe('/health/live')).toEqual([200, { live: true }]);
      expect(await healthCheck()).toMatchObject({ code: 0 });
      await world.queueServer.restart();
      await eventually(async () => (await probe('/health/ready'))[0] === 200);
      expect(worker.lines.filter((line) => line.includes('worker.silent'))).toEqual([]);
      worker.kill('SIGTERM');
      expect(await worker.exit).toEqual({ code: 0, signal: null });
    });
  });
}

/** Starts the process again whenever it has failed, as any supervisor does. */
function supervise(first: TestProcess, again: () => Promise<TestProcess>) {
  let current = first;
  let stopped = false;
  const ended: Exit[] = [];
  const run = async (): Promise<void> => {
    for (;;) {
      ended.push(await current.exit);
      if (stopped) return;
      current = await again();
    }
  };
  run().catch(() => undefined);
  const stop = (): void => {
    stopped = true;
  };
  return { ended, current: () => current, stop };
}
