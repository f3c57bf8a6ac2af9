import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LlmServer, startLlm } from '../support/llm.ts';
import { startProcess, type TestProcess } from '../support/process.ts';

const main = fileURLToPath(new URL('../../demo/main.ts', import.meta.url));
const DEMO_MS = 120_000;

let folder: string;
let llm: LlmServer;
beforeAll(async () => {
  [folder, llm] = await Promise.all([mkdtemp(join(tmpdir(), 'hivepulse-test-')), startLlm()]);
});
afterEach(async () => {
  llm.reset();
  expect((await readdir(folder)).filter((name) => name.startsWith('hivepulse-demo-'))).toEqual([]);
});
afterAll(async () => {
  await llm?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** As on a machine of its own: nothing prepared in the temporary folder, no settings around. */
function startDemo(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): TestProcess {
  return startProcess([main, ...args], { env: { TMPDIR: folder, ...env }, cwd: folder });
}

const withModel = () => ({ OPENAI_API_KEY: 'sk-demo', OPENAI_BASE_URL: llm.openaiBaseUrl });

async function outcomeOf(demo: TestProcess) {
  const { code } = await demo.exit;
  return { code, output: demo.lines.join('\n'), errors: demo.errorLines.join('\n') };
}

describe('the demo', () => {
  it('prints one object with --json, whatever services the environment names', { timeout: DEMO_MS }, async () => {
    const demo = startDemo(['--json'], { REDIS_URL: 'redis://127.0.0.1:1', HIVEPULSE_DATA_DIR: '/nowhere', PORT: '1', WORKER_QUEUES: 'gmail-fetch' });
    const { code, output, errors } = await outcomeOf(demo);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    const { ok, bootMs, totalMs, kinds } = JSON.parse(output);
    expect({ ok, completed: kinds.stories.completed, failed: kinds.stories.failed }).toEqual({ ok: true, completed: 12, failed: [] });
    expect(kinds.stories.stories).toHaveLength(12);
    expect(bootMs).toBeLessThan(totalMs);
  });

  it('runs twice side by side, in plain lines where there is no terminal', { timeout: DEMO_MS }, async () => {
    const outcomes = await Promise.all([startDemo(), startDemo()].map(outcomeOf));
    for (const { code, output, errors } of outcomes) {
      expect({ code, errors }).toEqual({ code: 0, errors: '' });
      expect(output).toMatch(/Stories: 0\/12\n(.*\n)* {2}Stories: 12\/12/);
      expect(output).toContain('│ SpaceX Crew Dragon');
      expect(output).toContain('Who did it: the local provider');
      expect(output).toMatch(/All 12 jobs done in \d+\.\d s, of which \d+\.\d s to start\./);
      expect(output).not.toContain('\u001b');
    }
  });

  it('asks the model when there is a key, and says so; the log is apart from it', { timeout: DEMO_MS }, async () => {
    llm.answerWith({ hypeScore: 9.1, ethicsScore: 2.2, realityCheck: 'Nobody has looked.', claims: [], eli5Summary: 'A cat sat on a mat.' });
    const { code, output, errors } = await outcomeOf(startDemo([], { ...withModel(), LOG_LEVEL: 'info' }));
    expect(code).toBe(0);
    expect(errors).toContain('"message":"job completed"');
    expect(output).not.toContain('"message"');
    expect(output).toContain('Who did it: openai, model gpt-6-luna.');
    expect(output).toMatch(/→ 9\.1 .*→ 2\.2/);
    expect(output).toContain('Reality check: Nobody has looked.');
  });

  it('ends with code 1 when jobs fail, and prints which and why', { timeout: DEMO_MS }, async () => {
    llm.fail(401, {}, 100);
    const { code, output } = await outcomeOf(startDemo([], withModel()));
    expect(code).toBe(1);
    expect(output).toMatch(/12 of 12 jobs failed/);
    expect(output).toMatch(/“540 million private Facebook records found on public Internet” \(job story-enhancement-.*OPENAI_API_KEY/);
  });

  it('ends with code 1 and says so when a setting is wrong', { timeout: DEMO_MS }, async () => {
    const { code, errors } = await outcomeOf(startDemo([], { AI_PROVIDER: 'openai' }));
    expect(code).toBe(1);
    expect(errors).toContain('AI_PROVIDER=openai needs OPENAI_API_KEY');
  });

  it.each([
    ['while it starts', /^Hivepulse demo/],
    ['at work', /^Started in/],
  ])('leaves nothing behind when it is interrupted %s', { timeout: DEMO_MS }, async (_, line) => {
    llm.hold();
    const demo = startDemo([], withModel());
    await demo.line((text) => line.test(text), DEMO_MS);
    demo.kill('SIGINT');
    expect(await demo.exit).toEqual({ code: 130, signal: null });
  });
});
