import { afterAll, describe, expect, it } from 'vitest';
import type { DemoApi } from '../../demo/api.ts';
import type { DemoKind, DemoTools, Ending, JobRef, Section } from '../../demo/kind.ts';
import { createLines } from '../../demo/progress.ts';
import { hasSucceeded, renderReport, toJson } from '../../demo/report.ts';
import { runKinds } from '../../demo/run.ts';
import { startGoogle } from '../../demo/stand-ins/google/server.ts';
import { startMicrosoft } from '../../demo/stand-ins/microsoft/server.ts';
import { shorten, wrap } from '../../demo/text.ts';

const endings: Record<string, Ending> = {
  one: { state: 'completed' },
  two: { state: 'failed', error: 'the model said no' },
  three: { state: 'cancelled', error: 'Cancelled' },
  four: { state: 'completed' },
};

/** Jobs that tell of their progress once, then end as above. */
const api: DemoApi = {
  get: () => Promise.reject(new Error('not asked')),
  post: () => Promise.reject(new Error('not asked')),
  upload: () => Promise.reject(new Error('not asked')),
  triggerBriefs: () => Promise.reject(new Error('not asked')),
  download: () => Promise.reject(new Error('not asked')),
  refused: () => Promise.reject(new Error('not asked')),
  actingFor: () => api,
  follow: async ({ jobId }, onProgress) => {
    onProgress({ progress: 1, total: 2, current_step: 'halfway' });
    return endings[jobId] ?? { state: 'removed', error: 'removed' };
  },
};

const [google, microsoft] = await Promise.all([startGoogle(), startMicrosoft()]);
afterAll(() => Promise.all([google.stop(), microsoft.stop()]));
const tools: DemoTools = {
  api,
  customer: { userId: 'somebody', api },
  sql: () => Promise.reject(new Error('not asked')),
  google,
  microsoft,
  outputFolder: '/nowhere',
};

function kindOf(...jobIds: string[]): DemoKind {
  const jobOf = (jobId: string): JobRef => ({ queue: 'story-enhancement', jobId, title: `title of ${jobId}` });
  return {
    name: 'tales',
    label: 'Tales',
    prepare: async () => jobIds.map((jobId) => async () => jobOf(jobId)),
    report: async (_tools, completed) => ({
      caption: 'What came out.',
      head: ['Tale'],
      rows: completed.map(({ title }) => [title]),
      notes: ['  A note.'],
      data: { told: completed.length },
    }),
  };
}

const credits: Section = { caption: 'What it cost.', head: ['Credits'], rows: [['5']], notes: [], data: { balance: 5 } };
const times = { bootMs: 1_234, totalMs: 5_678 };
const quiet = createLines(() => undefined);

describe('running the kinds', () => {
  it('tells completed jobs from those that failed, with the reason', async () => {
    const [outcome] = await runKinds([kindOf('one', 'two', 'three')], { tools, display: quiet, width: 80 });
    expect(outcome?.completed.map(({ jobId }) => jobId)).toEqual(['one']);
    expect(outcome?.failed.map(({ job, error }) => [job.jobId, error])).toEqual([
      ['two', 'the model said no'],
      ['three', 'Cancelled'],
    ]);
  });

  it('tells progress: parts of the running jobs, the ended ones, the latest step', async () => {
    const seen: [number, number, string | undefined][] = [];
    const display = { begin: () => ({ update: (...state: (typeof seen)[number]) => void seen.push(state) }), stop: () => undefined };
    await runKinds([kindOf('one', 'four')], { tools, display, width: 80 });
    expect(seen[0]).toEqual([0.5, 0, 'halfway']);
    expect(seen.at(-1)).toEqual([2, 2, 'done']);
  });
});

describe('the report', () => {
  it('says that all went well', async () => {
    const outcomes = await runKinds([kindOf('one', 'four')], { tools, display: quiet, width: 80 });
    const text = renderReport(outcomes, credits, times, 80);
    expect(hasSucceeded(outcomes)).toBe(true);
    expect(text).toContain('All 2 jobs done in 5.7 s, of which 1.2 s to start.');
    expect(text).toContain('│ title of four │');
    expect(text).toContain('\n  A note.\n');
    expect(text.indexOf('What it cost.')).toBeGreaterThan(text.indexOf('│ title of four │'));
  });

  it('names each job that failed, and why', async () => {
    const outcomes = await runKinds([kindOf('one', 'two')], { tools, display: quiet, width: 80 });
    expect(hasSucceeded(outcomes)).toBe(false);
    expect(renderReport(outcomes, credits, times, 80)).toContain(
      '1 of 2 jobs failed, in 5.7 s, of which 1.2 s to start:\n  story-enhancement, “title of two” (job two): the model said no',
    );
    expect(toJson(outcomes, credits, times)).toMatchObject({
      ok: false,
      bootMs: 1_234,
      totalMs: 5_678,
      credits: { balance: 5 },
      kinds: { tales: { completed: 1, told: 1, failed: [{ jobId: 'two', error: 'the model said no' }] } },
    });
  });
});

it('lines tell of each quarter once', () => {
  const lines: string[] = [];
  const progress = createLines((line) => lines.push(line)).begin('Tales', 8);
  for (let ended = 0; ended <= 8; ended += 1) progress.update(ended, ended);
  expect(lines).toEqual(['  Tales: 0/8', '  Tales: 2/8', '  Tales: 4/8', '  Tales: 6/8', '  Tales: 8/8']);
});

it.each([
  ['Short', 10, 'Short'],
  ['A title that is too long', 16, 'A title that…'],
  ['Onelongwordwithoutanybreak', 10, 'Onelongwo…'],
])('shortens "%s" to %i characters', (text, width, expected) => {
  expect(shorten(text, width)).toBe(expected);
});

it('breaks lines at words, and keeps the indent of the first', () => {
  expect(wrap('  one two three four', 10)).toBe('  one two\n  three\n  four');
});
