import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openPglite } from '../../lib/pglite.ts';
import { type LlmServer, startLlm } from '../support/llm.ts';
import { freePort } from '../support/port.ts';
import { startProcess, type TestProcess } from '../support/process.ts';
import { AUDIT, apiAt, baseEnvironment, eventually, JUDGEMENT, newStoryBody } from '../support/world.ts';
import { measured, QUICK, soon } from './support.ts';

const started: TestProcess[] = [];
let llm: LlmServer;
let dataDir: string;

beforeAll(async () => {
  llm = await startLlm();
  dataDir = await mkdtemp(join(tmpdir(), 'hivepulse-chaos-'));
});
afterAll(async () => {
  await Promise.all(started.map((running) => running.stop()));
  await llm?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function launch() {
  const env = { ...baseEnvironment(), ...QUICK, PORT: `${await freePort()}`, HIVEPULSE_DATA_DIR: dataDir, OPENAI_BASE_URL: llm.openaiBaseUrl };
  const running = startProcess('start/main.ts', { env });
  started.push(running);
  await running.line((line) => line.includes('Hivepulse is up'));
  return { ...apiAt(`http://127.0.0.1:${env.PORT}`), process: running };
}

/** Into the folder while nobody runs in it. */
async function query(sql: string): Promise<unknown[]> {
  const unused = { name: 'unused', version: 'unused', build: () => Promise.reject(new Error('the folder is there already')) };
  const database = await openPglite({ dataDir: join(dataDir, 'database'), template: unused });
  try {
    return (await database.exec(sql)).at(-1)?.rows ?? [];
  } finally {
    await database.close();
  }
}

it('npm start, killed with -9 in the middle of a job and started again: the job ends, and its story is written once', async () => {
  const first = await launch();
  first.process.kill('SIGTERM');
  await first.process.exit;
  await query(AUDIT);

  llm.answerWith(JUDGEMENT);
  const killed = await launch();
  const held = llm.hold();
  const posted = await killed.call('POST', '/api/stories', newStoryBody());
  const { id } = posted.body.data.story;
  await soon(held.arrived, 'the request', started);
  const waiting = await killed.call('POST', '/api/stories', newStoryBody());
  killed.process.kill('SIGKILL');
  await killed.process.exit;

  const killedAt = performance.now();
  const again = await launch();
  const upAt = performance.now();
  for (const storyId of [id, waiting.body.data.story.id]) {
    await eventually(async () => (await again.call('GET', `/api/stories/${storyId}`)).body.data.story.scoringStatus === 'refined');
  }
  measured('kill -9 of npm start', { 'up again after ms': upAt - killedAt, 'all stories refined after ms': performance.now() - killedAt });
  again.process.kill('SIGTERM');
  expect(await again.process.exit).toEqual({ code: 0, signal: null });
  expect(await query('select count(*)::int as writes, count(distinct story)::int as stories from test_writes')).toEqual([{ writes: 2, stories: 2 }]);
  expect(await query('select count(*)::int as letters from failed_jobs')).toEqual([{ letters: 0 }]);
});
