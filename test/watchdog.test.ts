import { afterEach, expect, it } from 'vitest';
import { startProcess, type TestProcess } from './support/process.ts';

const AFTER_MS = 500;
const started: TestProcess[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.stop()));
});

/** A process that is watched, runs `then`, and prints a line 20 times a second. */
function watched(then = ''): TestProcess {
  const code = `
    import { createLogger } from './lib/log.ts';
    import { createWatchdog } from './lib/watchdog.ts';
    const log = await createLogger({ level: 'info', service: 'hivepulse-test', workerId: 'one' });
    const watchdog = createWatchdog({ afterMs: ${AFTER_MS}, log });
    await watchdog.start();
    const ticks = setInterval(() => console.log('tick'), 50);
    console.log('started');
    ${then}`;
  const run = startProcess(['--input-type=module-typescript', '-e', code]);
  started.push(run);
  return run;
}
const FREEZE = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);';
const startedUp = (run: TestProcess): Promise<string> => run.line((line) => line === 'started');

it('kills a process whose event loop stands still, after one line with the fields of its log', async () => {
  const run = watched(FREEZE);
  expect(await run.exit).toEqual({ code: null, signal: 'SIGKILL' });
  expect(run.errorLines).toHaveLength(1);
  expect(JSON.parse(run.errorLines[0] ?? '')).toEqual({
    level: 'fatal',
    timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
    service: 'hivepulse-test',
    workerId: 'one',
    event: 'process.frozen',
    silentAfterMs: AFTER_MS,
    message: expect.stringContaining('the event loop stands still'),
  });
});

it('leaves one alone that was stopped as a whole, as a container or a machine is put to sleep', async () => {
  const stopped = watched();
  await startedUp(stopped);
  stopped.kill('SIGSTOP');
  // As long as it takes to find out that another stands still.
  await watched(FREEZE).exit;
  const before = stopped.lines.length;
  stopped.kill('SIGCONT');
  await expect.poll(() => stopped.lines.length, { timeout: 15_000 }).toBeGreaterThan(before + 2 * (AFTER_MS / 50));
  expect(stopped.errorLines).toEqual([]);
});

it('ends with its process, whether it is stopped or not', async () => {
  const ends = [watched('clearInterval(ticks); await watchdog.stop(); await watchdog.stop();'), watched('clearInterval(ticks);')];
  expect(await Promise.all(ends.map(({ exit }) => exit))).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
});

it('lets one stand still that has stopped it', async () => {
  const run = watched(`await watchdog.stop(); console.log('stopped'); ${FREEZE}`);
  await run.line((line) => line === 'stopped');
  await watched(FREEZE).exit;
  expect(run.kill('SIGKILL')).toBe(true);
  expect(run.errorLines).toEqual([]);
});
