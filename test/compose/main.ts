/** See `run` beside this file. */
import { type Asked, askForMixedJobs, askForMore } from './app.ts';
import { unfinished, until, wrongs } from './books.ts';
import { compose, imageContents, imageSizes, killHard, restartsOf, settings, sql, startMs } from './docker.ts';

const keep = process.argv.includes('--keep');
const begun = performance.now();
const results: { name: string; ok: boolean }[] = [];

function say(line: string): void {
  process.stdout.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)} s  ${line}\n`);
}

async function check(name: string, work: () => Promise<string | undefined>): Promise<void> {
  const problem = await work().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  results.push({ name, ok: problem === undefined });
  say(`${problem === undefined ? 'ok  ' : 'FAIL'}  ${name}${problem === undefined ? '' : `: ${problem}`}`);
  if (problem !== undefined) throw new Error(name);
}

const up = (): Promise<string> => compose('up', '-d', '--wait', '--wait-timeout', '180', '--scale', 'worker=3');
const found = async (): Promise<string | undefined> => (await wrongs()).join('; ') || undefined;
const done = (): Promise<boolean> => unfinished().then((count) => count === 0);

async function main(): Promise<void> {
  await compose('down', '-v', '--remove-orphans');
  await check('the Dockerfile builds', async () => {
    await compose('build');
    say((await imageSizes()).replaceAll('\n', ', '));
    say(`fills it, in MB: ${await imageContents()}`);
    return undefined;
  });
  await check('docker compose up -d --scale worker=3 comes up healthy', async () => {
    await up();
    say(`a worker took ${await startMs(`${settings.COMPOSE_PROJECT_NAME}-worker-1`)} ms from its first line to waiting for jobs`);
    return undefined;
  });

  let asked: Asked = { userId: '', jobs: 0 };
  await check('300 mixed jobs are asked for, while they run', async () => {
    asked = await askForMixedJobs();
    say(`${asked.jobs} jobs asked for, ${await unfinished()} not ended`);
    return asked.jobs >= 300 ? undefined : `only ${asked.jobs}`;
  });
  await check('a worker is killed with -9 and Redis restarted meanwhile', async () => {
    const killed = await killHard('worker', 1);
    await compose('restart', 'redis');
    const left = await unfinished();
    say(`${left} jobs not ended after that`);
    await until('the killed worker is started again', async () => (await restartsOf(killed)) > 0, 60_000);
    return left > 0 ? undefined : 'everything had ended before: nothing was proved';
  });
  await check('every job ends', async () => {
    await until('no job is left', done, 240_000);
    return undefined;
  });
  await check('exactly once: results, credits, events, briefs; no dead letter', found);

  await check('docker compose down in the middle of work', async () => {
    const more = await askForMore();
    await compose('stop', 'api');
    const left = await unfinished();
    await compose('down');
    say(`${more.jobs} more jobs asked for, ${left} not ended when it went down`);
    return left > 0 ? undefined : 'everything had ended before: nothing was proved';
  });
  await check('loses nothing after the next up', async () => {
    await up();
    await until('no job is left', done, 240_000);
    return found();
  });
  await check('a part of it is enough: docker compose up worker redis', async () => {
    await compose('down');
    await compose('up', '-d', '--wait', 'worker', 'redis', 'model');
    const running = (await compose('ps', '--services')).split('\n');
    await sql(`insert into jobs (user_id, type, payload) values ('${asked.userId}', 'review_processing', '{"review_text": "Good."}')`);
    await until('no job is left', done, 60_000);
    return running.includes('api') ? 'the api was started as well' : found();
  });
}

let failure: unknown;
try {
  await main();
} catch (error) {
  failure = error;
  process.stdout.write(`${await compose('ps', '-a').catch(() => '')}\n${await compose('logs', '--tail', '30').catch(() => '')}\n`);
}
if (!keep) await compose('down', '-v', '--remove-orphans');
const failed = results.filter(({ ok }) => !ok).length;
process.stdout.write(`\n${results.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || failure !== undefined ? 1 : 0;
