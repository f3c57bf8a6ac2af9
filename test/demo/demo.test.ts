import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PROMPT_CRITERIA } from '../../lib/reviews/answers.ts';
import { type LlmRequest, type LlmServer, startLlm } from '../support/llm.ts';
import { startProcess, type TestProcess } from '../support/process.ts';

const main = fileURLToPath(new URL('../../demo/main.ts', import.meta.url));
const comments = new URL('../../examples/data/conversations/bg2050-volunteers/comments.csv', import.meta.url);
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

/** Of the 371 answers, where it is not about them: each takes the local model some time. */
const FEW = ['--answers', '60'];
/** All kinds but the sources, which wait for each other: shown once is enough. */
const OTHERS = 'stories,replies,reviews,prompts,sentiment,conversation,mailbox,dealRoom';

const withModel = () => ({ OPENAI_API_KEY: 'sk-demo', OPENAI_BASE_URL: llm.openaiBaseUrl });

/** What a model says to each prompt. */
function answerOf(request: LlmRequest): unknown {
  const { schema, user } = request;
  const asked = Object.keys(schema?.properties ?? {});
  const is = (name: string): boolean => asked.includes(name);
  if (is('hypeScore'))
    return { hypeScore: 9.1, ethicsScore: 2.2, realityCheck: 'Nobody has looked.', claims: [], eli5Summary: 'A cat sat on a mat.' };
  if (is('reply')) return { reply: 'Thank you for coming, and for telling us how it was.', reviewLanguage: 'en' };
  if (is('topics')) return { topics: [], score: 0.4, urgency: { level: 'low', reason: 'Nothing presses.' }, language: 'en', personalData: [] };
  if (is('themes')) return { themes: namesFor(user) };
  const criteria = PROMPT_CRITERIA.map((criterion) => ({ criterion, score: 6, reason: 'It says so.' }));
  if (is('criteria')) return { criteria, improvedPrompt: 'Write a short reply.', suggestions: ['Say what for.'] };
  if (!is('sentences') || is('headline')) return llm.minimal(request);
  return { sentences: [...user.matchAll(/\[(\d+)\]/g)].map(([, number]) => ({ number: Number(number), score: 0.5 })), score: 0.5 };
}

/** Of each theme that is asked about. */
function namesFor(user: string): unknown[] {
  const numbers = new Set([...user.matchAll(/theme (\d+)/g)].map(([, number]) => Number(number)));
  return [...numbers].map((theme) => ({
    theme,
    name: `A wish ${theme}`,
    description: 'They wish.',
    sentiment: 'neutral',
    sentimentScore: 0,
    quotes: [],
  }));
}

async function outcomeOf(demo: TestProcess) {
  const { code } = await demo.exit;
  return { code, output: demo.lines.join('\n'), errors: demo.errorLines.join('\n') };
}

describe('the demo', () => {
  // First, as it also prepares the databases from which the others start.
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

  /** Two demos at the same time, of both kinds of output. */
  describe('run twice side by side', () => {
    const services = { REDIS_URL: 'redis://127.0.0.1:1', HIVEPULSE_DATA_DIR: '/nowhere', PORT: '1', WORKER_QUEUES: 'gmail-fetch' };
    let asObject: Awaited<ReturnType<typeof outcomeOf>>;
    let asLines: typeof asObject;
    beforeAll(async () => {
      [asObject, asLines] = await Promise.all([outcomeOf(startDemo(['--json'], services)), outcomeOf(startDemo([...FEW, '--only', OTHERS]))]);
    }, DEMO_MS);

    it('prints one object with --json, whatever services the environment names', async () => {
      const { code, output, errors } = asObject;
      expect({ code, errors }).toEqual({ code: 0, errors: '' });
      const { ok, bootMs, totalMs, kinds, credits } = JSON.parse(output);
      expect(ok).toBe(true);
      const counts = Object.entries<{ completed: number; failed: unknown[] }>(kinds).map(([name, { completed, failed }]) => [
        name,
        completed,
        failed.length,
      ]);
      expect(counts).toEqual([
        ['stories', 12, 0],
        ['replies', 4, 0],
        ['reviews', 6, 0],
        ['prompts', 3, 0],
        ['sentiment', 8, 0],
        ['conversation', 1, 0],
        ['mailbox', 3, 0],
        ['dealRoom', 47, 0],
        ['sources', 5, 0],
      ]);
      const { analysis, themes, map } = kinds.conversation;
      expect(analysis).toMatchObject({
        outcome: 'themes',
        answers: 371,
        duplicates: 3,
        distinct: 368,
        themes: themes.length,
        embeddings: { provider: 'local' },
      });
      const [{ quotes }] = themes;
      expect(await readFile(comments, 'utf8')).toContain(quotes[0].quote);
      expect(map).toBe(join(folder, 'demo-output', 'conversation-map.png'));
      expect((await readFile(map)).subarray(1, 4).toString()).toBe('PNG');
      expect(kinds.stories.stories).toHaveLength(12);
      // All of it, then the two that came, then from the cache.
      expect(kinds.mailbox.fetches).toMatchObject([
        { result: { mode: 'full', found: 16, cached: 0, fetched: 16, failed: 0, stored: 16 } },
        { result: { mode: 'incremental', found: 2, cached: 0, fetched: 2, apiUnits: 42, stored: 18 } },
        { result: { mode: 'full', found: 18, cached: 18, fetched: 0, cacheHitRate: 1 } },
      ]);
      const { documents, emails, risks, blockers, brief } = kinds.dealRoom;
      expect(documents.map(({ name, status }: { name: string; status: string }) => `${name} ${status}`).toSorted()).toEqual([
        'apple-notes.rtf ready',
        'broken.docx failed',
        'controlled-substances-regulations.pdf ready',
        'financial-network-speech.pdf ready',
        'locked.pdf failed',
        'monthly-numbers.xlsx ready',
        'news-report.docx ready',
        'slides.pptx ready',
      ]);
      expect(emails).toHaveLength(11);
      expect(risks).toBeGreaterThan(0);
      expect(blockers).toMatchObject([{ status: 'open', subject: 'Project Birch: lease of the Leipzig warehouse' }]);
      expect(brief).toContain('# Daily brief: Project Harbour');
      expect(brief).toContain('locked.pdf');
      const { sources } = kinds;
      expect(sources.syncs.map(({ mode, created, deleted }: Record<string, unknown>) => ({ mode, created, deleted }))).toEqual(
        expect.arrayContaining([
          { mode: 'full', created: 3, deleted: 0 },
          { mode: 'incremental', created: 1, deleted: 1 },
          { mode: 'incremental', created: 1, deleted: 0 },
        ]),
      );
      expect(sources.documents.map(({ name, status }: { name: string; status: string }) => `${name} ${status}`).toSorted()).toEqual([
        'monthly-numbers.xlsx ready',
        'news-report.docx ready',
        'slides.pptx ready',
      ]);
      expect(sources.emails).toHaveLength(4);
      for (const told of ['slides.pptx', 'Leipzig warehouse']) expect(sources.brief).toContain(told);
      expect(credits).toMatchObject({
        granted: 30,
        balance: 5,
        ledger: { reserve: { count: 21, credits: -25 }, settle: { count: 21 }, release: { count: 0 } },
        refusal: { status: 402, code: 'insufficient_credits' },
      });
      expect(bootMs).toBeLessThan(totalMs);
    });

    it('prints plain lines where there is no terminal', () => {
      const { code, output, errors } = asLines;
      expect({ code, errors }).toEqual({ code: 0, errors: '' });
      expect(output).toMatch(/Stories +: 0\/12\n(.*\n)* {2}Stories +: 12\/12/);
      expect(output).toContain('│ SpaceX Crew Dragon');
      expect(output).toContain('Who did it: the local provider');
      expect(output).toMatch(/│ Ein Tisch am Fenster +│ de +│ \S/);
      expect(output).toMatch(/│ Left a jacket behind .*email phone address │/);
      expect(output).toMatch(/│ An opportunity missed\. .*│ SQL +│/);
      expect(output).toMatch(/60 answers.* make \d+ themes/);
      expect(output).toMatch(/│ \S.* │ \d+ +│ \d+% +│ -?\d\.\d +│ \S/);
      expect(output).toMatch(/│ Mary Smith +│ Re: Saying Hello +│ This is a reply/);
      expect(output).toMatch(/Two new mails, by history id, nothing listed: 2 found/);
      expect(output).toMatch(/│ locked\.pdf +│ not read +│/);
      expect(output).toMatch(/ {2}# Daily brief: Project Harbour, .*\n(.*\n)* {2}- A new blocker in/);
      expect(output).toContain(`The map: ${join(folder, 'demo-output', 'conversation-map.png')}`);
      expect(output).toMatch(/│ Balance now +│ +│ 5 /);
      expect(output).toMatch(/answered with 402: “The job costs 2\scredits, the balance is 0”/);
      expect(output).toMatch(/All 84 jobs done in \d+\.\d s, of which \d+\.\d s to start\./);
      expect(output).not.toContain('\u001b');
    });
  });

  it('asks the model when there is a key, and says so; the log is apart from it', { timeout: DEMO_MS }, async () => {
    llm.answerWith(answerOf);
    const { code, output, errors } = await outcomeOf(
      startDemo([...FEW, '--only', 'stories,replies,prompts,conversation'], { ...withModel(), LOG_LEVEL: 'info' }),
    );
    expect(code).toBe(0);
    expect(errors).toContain('"message":"job completed"');
    expect(output).not.toContain('"message"');
    expect(output).toContain('Who did it: openai, model gpt-6-luna.');
    expect(output).toMatch(/→ 9\.1 .*→ 2\.2/);
    expect(output).toContain('Reality check: Nobody has looked.');
    expect(output).toMatch(/│ A weekend by the lake +│ en +│ Thank you for coming/);
    expect(output).toMatch(/openai, model text-embedding-3-small, for the meaning; openai, model gpt-6-luna, for the\snames\./);
    expect(output).toMatch(/│ A wish/);
    expect(output).toMatch(/│ A careful one +│ 6\.0 +│ Say what for\./);
  });

  it('ends with code 1 when jobs fail, and prints which and why', { timeout: DEMO_MS }, async () => {
    llm.fail(401, {}, 400);
    const { code, output } = await outcomeOf(startDemo(['--only', 'stories,replies,reviews,prompts,sentiment,mailbox'], withModel()));
    expect(code).toBe(1);
    expect(output).toMatch(/33 of 36 jobs failed/);
    expect(output).toMatch(/│ Given back: the job failed or was cancelled +│ 21 +│ \+25 /);
    expect(output).toMatch(/“540 million private Facebook records found on public Internet” \(job story-enhancement-.*OPENAI_API_KEY/);
  });

  it('ends with code 1 and says which parts there are when one is asked for that is none', async () => {
    const { code, errors } = await outcomeOf(startDemo(['--only', 'stories,tales']));
    expect({ code, errors }).toEqual({
      code: 1,
      errors: expect.stringContaining('--only takes stories, replies, reviews, prompts, sentiment, conversation, mailbox, dealRoom'),
    });
  });

  it('ends with code 1 and says so when a setting is wrong', { timeout: DEMO_MS }, async () => {
    const { code, errors } = await outcomeOf(startDemo([], { AI_PROVIDER: 'openai' }));
    expect(code).toBe(1);
    expect(errors).toContain('AI_PROVIDER=openai needs OPENAI_API_KEY');
  });
});
