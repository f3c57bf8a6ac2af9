import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ApiProcess, QUEUE, startWorld, type World } from '../support/world.ts';
import { type CliRun, runCli, typeCli } from './support.ts';

let world: World;
let api: ApiProcess;
let cwd: string;
let env: Record<string, string>;
const runs: CliRun[] = [];

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'hivepulse-cli-'));
  world = await startWorld({ queue: 'redis' });
  api = await world.startApi();
  env = { HIVEPULSE_URL: api.url, HIVEPULSE_API_KEY: String(world.env.API_KEYS) };
});
afterAll(async () => {
  await world?.stop();
  await rm(cwd, { recursive: true, force: true });
});

async function noted(run: Promise<CliRun>): Promise<CliRun> {
  const ended = await run;
  runs.push(ended);
  return ended;
}

/** What a line says and does is the same in this process; that the command is one of its own shows where it reads, waits and is let in. */
const hivepulse = (args: readonly string[]) => noted(typeCli(args, env));
const asProcess = (args: readonly string[], input = '') => noted(runCli(args, { cwd, env, input }));

/** With `--json`: the object it prints. */
async function json(...args: string[]) {
  const { code, out, err } = await hivepulse([...args, '--json']);
  expect(err).toBe('');
  return { code, data: JSON.parse(out) };
}

async function enqueued(): Promise<string> {
  const story = await world.createStory();
  return (await json('enqueue', QUEUE, 'enhance', JSON.stringify({ storyId: story.id }))).data.jobId;
}

describe('enqueue, job, stats, cancel', () => {
  it('put a job on its queue, show it and count it', async () => {
    const story = await world.createStory();
    const options = ['--priority', '5', '--correlation-id', 'of-this-test', '--delay', '1h'];
    const { code, data } = await json('enqueue', QUEUE, 'enhance', JSON.stringify({ storyId: story.id }), ...options);
    expect({ code, data }).toEqual({ code: 0, data: { queue: QUEUE, jobId: expect.any(String), deduplicated: false } });

    const shown = await asProcess(['job', QUEUE, data.jobId]);
    expect(shown.code).toBe(0);
    expect(shown.out).toMatch(/^state +delayed$/m);
    expect(shown.out).toMatch(/^created +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ \((now|\d+ s ago)\)$/m);
    expect((await json('job', QUEUE, data.jobId)).data).toMatchObject({ correlationId: 'of-this-test', payload: { storyId: story.id } });

    expect((await json('stats')).data[QUEUE]).toMatchObject({ delayed: 1, paused: false });
    expect((await hivepulse(['stats'])).out).toMatch(new RegExp(`^${QUEUE} +\\d+ +0 +1 +0 +0$`, 'm'));
  });

  it('say that a job was there already', async () => {
    const story = await world.createStory();
    const line = ['enqueue', QUEUE, 'enhance', JSON.stringify({ storyId: story.id })];
    const { out } = await hivepulse(line);
    const [jobId] = out.split(' ');
    expect(await hivepulse(line)).toMatchObject({ code: 0, out: `${jobId} was there already on ${QUEUE}` });
  });

  it('read the payload from standard input or a file', async () => {
    const [one, two] = await Promise.all([world.createStory(), world.createStory()]);
    expect(await asProcess(['enqueue', QUEUE, 'enhance', '-'], JSON.stringify({ storyId: one.id }))).toMatchObject({ code: 0 });
    await writeFile(join(cwd, 'payload.json'), JSON.stringify({ storyId: two.id }));
    expect(await asProcess(['enqueue', QUEUE, 'enhance', '@payload.json'])).toMatchObject({ code: 0 });
  });

  it('name the field of a payload that does not fit', async () => {
    const refused = await asProcess(['enqueue', QUEUE, 'enhance', '{"storyId":"no uuid"}']);
    expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringContaining('storyId') });
    expect(refused.err.split('\n')).toHaveLength(1);
  });

  it('cancel a job that waits, once', async () => {
    const jobId = await enqueued();
    expect(await json('cancel', QUEUE, jobId, '--reason', 'asked for')).toEqual({ code: 0, data: { queue: QUEUE, jobId, outcome: 'cancelled' } });
    expect((await json('job', QUEUE, jobId)).data).toMatchObject({ state: 'cancelled', error: 'asked for' });
    expect(await hivepulse(['cancel', QUEUE, jobId])).toMatchObject({ code: 1 });
  });

  it('know no job that does not exist', async () => {
    expect(await hivepulse(['job', QUEUE, 'nobody'])).toMatchObject({ code: 1, out: '', err: expect.stringContaining('nobody does not exist') });
    expect(await hivepulse(['cancel', QUEUE, 'nobody'])).toMatchObject({ code: 1, err: expect.stringContaining('nobody does not exist') });
  });

  it('follow a job to its end', async () => {
    const jobId = await enqueued();
    const following = asProcess(['job', QUEUE, jobId, '--follow']);
    const worker = await world.startWorker({ WORKER_QUEUES: QUEUE });
    const { code, out, err } = await following;
    await worker.stop();
    expect({ code, first: err.split('\n')[0] }).toEqual({ code: 0, first: 'waiting' });
    expect(out).toMatch(/^state +completed$/m);
    expect(out).toContain('"eli5Summary"');
  });
});

describe('dead-letters', () => {
  const ids = (letters: { id: string }[]) => letters.map(({ id }) => id);

  /** Three with one cause and one with another; of a user of their own, who finds them again. */
  async function fail(): Promise<{ user: string; jobs: string[] }> {
    const user = randomUUID();
    const errors = ['door 1 is closed', 'door 22 is closed', 'door 333 is closed', 'the \u001b[31mwindow\u001b[0m is broken'];
    const jobs: string[] = [];
    for (const error of errors) {
      const jobId = `failed-${randomUUID()}`;
      const payload = { storyId: (await world.createStory()).id };
      const stack = `Error: ${error}\n    at somewhere`;
      const letter = { queue: QUEUE, name: 'enhance', jobId, run: 1, payload, error, stack, attempts: 3, userId: user, correlationId: null };
      await world.db.failedJobs.record(letter);
      jobs.push(jobId);
    }
    return { user, jobs };
  }
  let user: string;
  let jobs: string[];
  beforeEach(async () => {
    ({ user, jobs } = await fail());
  });

  it('are listed, newest first, by any filter, over pages', async () => {
    const { data } = await json('dead-letters', 'list', '--user', user);
    expect(data.deadLetters.map(({ jobId }: { jobId: string }) => jobId)).toEqual([...jobs].reverse());
    const count = async (...filter: string[]) => (await json('dead-letters', 'list', '--user', user, ...filter)).data.deadLetters.length;
    expect(await count('--text', 'CLOSED')).toBe(3);
    expect(await count('--queue', 'review-ai')).toBe(0);
    expect(await count('--queue', QUEUE, '--type', 'enhance', '--since', '1h', '--open')).toBe(4);
    expect(await count('--until', '1h')).toBe(0);
    expect(await count('--replayed')).toBe(0);

    const first = (await json('dead-letters', 'list', '--user', user, '--limit', '3')).data;
    const rest = (await json('dead-letters', 'list', '--user', user, '--cursor', first.nextCursor)).data;
    expect([...ids(first.deadLetters), ...ids(rest.deadLetters)]).toEqual(ids(data.deadLetters));
    expect(rest.nextCursor).toBeNull();
  });

  it('are a table for people, without whatever could take over their terminal', async () => {
    const { code, out } = await asProcess(['dead-letters', 'list', '--user', user, '--limit', '2']);
    expect(code).toBe(0);
    expect(out.split('\n')[0]).toMatch(/^id +failed +queue +kind +error$/);
    expect(out).toContain('the window is broken');
    expect(out).not.toContain('\u001b');
    expect(out).toMatch(/There are more: --cursor \S+$/);
    expect(await hivepulse(['dead-letters', 'list', '--user', randomUUID()])).toMatchObject({ code: 0, out: 'No dead letters.' });
  });

  it('that have one cause are one line', async () => {
    const { data } = await json('dead-letters', 'groups', '--user', user);
    expect(data.groups.map(({ count, open }: { count: number; open: number }) => [count, open])).toEqual([
      [3, 3],
      [1, 1],
    ]);
    const { out } = await hivepulse(['dead-letters', 'groups', '--user', user]);
    expect(out.split('\n')).toHaveLength(3);
    expect(out).toMatch(/3 +3 +1 .*door 333 is closed/);
  });

  it('are shown with payload and stack', async () => {
    const [newest] = (await json('dead-letters', 'list', '--user', user)).data.deadLetters;
    const { code, out } = await hivepulse(['dead-letters', 'show', newest.id]);
    expect(code).toBe(0);
    for (const part of [newest.jobId, newest.payload.storyId, 'at somewhere', 'replayed     no']) expect(out).toContain(part);
    expect(await hivepulse(['dead-letters', 'show', randomUUID()])).toMatchObject({ code: 1, err: expect.stringContaining('does not exist') });
  });

  it('are replayed one by one, and then count as replayed', async () => {
    const [newest] = (await json('dead-letters', 'list', '--user', user)).data.deadLetters;
    expect(await json('dead-letters', 'replay', newest.id)).toEqual({
      code: 0,
      data: { replayed: 1, skipped: [], jobId: newest.jobId, deduplicated: false },
    });
    expect(ids((await json('dead-letters', 'list', '--user', user, '--replayed')).data.deadLetters)).toEqual([newest.id]);
    expect((await json('job', QUEUE, newest.jobId)).data).toMatchObject({ id: newest.jobId, state: 'waiting' });
  });

  it('are replayed by their cause, after a look at what that would be', async () => {
    const [{ fingerprint }] = (await json('dead-letters', 'groups', '--user', user)).data.groups;
    const filter = ['--fingerprint', fingerprint, '--user', user];
    expect((await json('dead-letters', 'replay', ...filter, '--dry-run', '--limit', '2')).data).toMatchObject({ wouldReplay: 2, found: 3 });
    const looked = await asProcess(['dead-letters', 'replay', ...filter, '--dry-run']);
    expect(looked).toMatchObject({ code: 0, out: expect.stringMatching(/^Would replay 3:/) });
    expect((await json('dead-letters', 'list', '--user', user, '--replayed')).data.deadLetters).toEqual([]);

    expect(await hivepulse(['dead-letters', 'replay', ...filter, '--rate', '100'])).toMatchObject({ code: 0, out: '3 put back to work' });
    expect((await json('dead-letters', 'list', '--user', user, '--open')).data.deadLetters).toHaveLength(1);
    expect(await hivepulse(['dead-letters', 'replay', ...filter, '--dry-run'])).toMatchObject({ out: expect.stringContaining('none') });
  });

  it('that cannot be replayed are named, and the exit code tells', async () => {
    const [newest] = (await json('dead-letters', 'list', '--user', user)).data.deadLetters;
    const stranger = randomUUID();
    const { code, data } = await json('dead-letters', 'replay', newest.id, stranger);
    expect({ code, data }).toEqual({ code: 1, data: { replayed: 1, skipped: [{ id: stranger, reason: 'not_found' }] } });
  });
});

describe('the door', () => {
  it('stays shut for a key that is not one of the API', async () => {
    const { code, out, err } = await runCli(['stats'], { cwd, env: { ...env, HIVEPULSE_API_KEY: 'a-wrong-key' } });
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('HIVEPULSE_API_KEY must be one of the API_KEYS');
    const asked = await runCli(['dead-letters', 'list', '--json'], { cwd, env: { ...env, HIVEPULSE_API_KEY: 'a-wrong-key' } });
    expect(JSON.parse(asked.err)).toMatchObject({ error: { code: 'unauthorized' } });
    expect(err + asked.err).not.toContain('a-wrong-key');
  });

  it('is never spoken of with its key, whatever was asked', () => {
    const key = String(env.HIVEPULSE_API_KEY);
    expect(runs.length).toBeGreaterThan(10);
    expect(runs.filter(({ out, err }) => (out + err).includes(key))).toEqual([]);
  });
});
