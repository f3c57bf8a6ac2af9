import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCompute } from '../../lib/analysis/pool.ts';
import type { Theme } from '../../lib/db/conversation-types.ts';
import { topicalAnswers } from '../support/answers.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from '../support/pglite.ts';
import { type Analysed, createAnalyses } from './run.ts';

let embedded: EmbeddedTestDb;
let analyses: ReturnType<typeof createAnalyses>;
const compute = createCompute({ threads: 2 });

beforeAll(async () => {
  embedded = await startEmbeddedDb();
  analyses = createAnalyses(embedded.db, compute);
});
afterAll(async () => {
  await analyses?.close();
  await compute.close();
  await embedded?.stop();
});

const topical = topicalAnswers();
const topicOf = new Map(topical.map(({ text, topic }) => [text, topic]));

/** The topic that most of a theme's answers are about, and how many of them. */
function topicsOf({ themes, answers }: Analysed): { topic: string; share: number }[] {
  return themes.map(({ id }) => {
    const topics = answers.filter(({ themeId }) => themeId === id).map(({ text }) => topicOf.get(text) ?? '');
    const counts = Map.groupBy(topics, (topic) => topic);
    const [topic, same] = [...counts].sort(([, one], [, other]) => other.length - one.length)[0] ?? ['', []];
    return { topic, share: same.length / topics.length };
  });
}

const names = (themes: readonly Theme[]): string[] => themes.map(({ name }) => name);
const whole = ({ themes, answers }: Analysed): unknown => ({
  themes: themes.map(({ id: _, createdAt, updatedAt, ...theme }) => theme),
  places: answers.map(({ x, y, cluster }) => [x, y, cluster]),
});

describe('a conversation of six topics', () => {
  let id: string;
  let first: Analysed;

  beforeAll(async () => {
    const texts = topical.map(({ text }) => text);
    id = await analyses.conversationOf([...texts, `  ${texts[0]?.toUpperCase()}  `, texts[1] ?? '', '', ' - ']);
    first = await analyses.analyse(id);
  });

  it('falls into themes that are about one topic each, the largest first', () => {
    expect(first.result).toMatchObject({ outcome: 'themes', answers: 124, empty: 2, duplicates: 2, distinct: 120, sampled: 120 });
    expect(first.themes.length).toBeGreaterThanOrEqual(4);
    // A topic is five things, each said in four ways: a theme may be one of these, but never of two topics.
    expect(first.themes.length).toBeLessThanOrEqual(16);
    expect(new Set(topicsOf(first).map(({ topic }) => topic)).size).toBe(6);
    for (const { share } of topicsOf(first)) expect(share).toBeGreaterThan(0.85);
    const sizes = first.themes.map(({ size }) => size);
    expect(sizes).toEqual(sizes.toSorted((one, other) => other - one));
    expect(sizes.reduce((sum, size) => sum + size, first.result.outliers)).toBe(120);
  });

  it('counts equal answers once, places them together and leaves empty ones alone', () => {
    const [one] = first.answers;
    const shouted = first.answers.find(({ duplicateOf }) => duplicateOf === one?.id);
    expect(shouted).toMatchObject({ x: one?.x, y: one?.y, themeId: one?.themeId, cluster: one?.cluster });
    const empty = first.answers.slice(-2);
    for (const answer of empty) expect(answer).toMatchObject({ x: null, y: null, themeId: null, cluster: null, duplicateOf: null });
    const responses = first.themes.reduce((sum, theme) => sum + theme.responses - theme.size, 0);
    expect(responses).toBeLessThanOrEqual(2);
  });

  it('quotes answers of the theme to the letter, and names no theme twice', () => {
    const texts = new Map(first.answers.map((answer) => [answer.id, answer]));
    for (const theme of first.themes) {
      expect(theme.quotes.length).toBeGreaterThan(0);
      for (const { responseId, quote } of theme.quotes) {
        expect(texts.get(responseId)?.text).toContain(quote);
        expect(texts.get(responseId)?.themeId).toBe(theme.id);
      }
      for (const { responseId, text } of theme.representatives) expect(texts.get(responseId)).toMatchObject({ text, themeId: theme.id });
      expect(theme.keywords[0]?.score).toBe(1);
    }
    expect(new Set(names(first.themes)).size).toBe(first.themes.length);
  });

  it('shows how far it is, and never goes back', () => {
    const steps = first.progress.map(({ current_step }) => current_step.split(' ')[0]);
    expect([...new Set(steps)]).toEqual(['reading', 'embedding', 'reducing', 'clustering', 'naming', 'saving']);
    expect(first.progress.some(({ current_step }) => current_step === 'embedding 120/120')).toBe(true);
    const done = first.progress.map(({ progress }) => progress);
    expect(done).toEqual(done.toSorted((one, other) => one - other));
    expect(Object.keys(first.result.milliseconds)).toEqual(['reading', 'embedding', 'reducing', 'clustering', 'naming']);
  });

  it('is stored with the state of the conversation and of the job', async () => {
    const conversation = await embedded.db.conversations.get(id);
    expect(conversation).toMatchObject({ analysisStatus: 'succeeded', analysisJobId: first.jobId, analysis: first.result });
    expect(await embedded.db.conversations.counts(id)).toMatchObject({ total: 124, counted: 120, duplicates: 2, notAnalysed: 2 });
    expect(await embedded.db.jobRows.get('conversation_analysis_jobs', first.jobId)).toMatchObject({ status: 'succeeded', result: first.result });
  });

  it('pays nothing, and gives the same numbers, when it is analysed again', async () => {
    const again = await analyses.analyse(id);
    expect(again.result.embeddings).toMatchObject({ cached: 120, embedded: 0 });
    expect(again.result.naming).toMatchObject({ calls: 0, kept: first.themes.length });
    expect(whole(again)).toEqual(whole(first));
    expect(again.themes.map((theme) => theme.id)).toEqual(first.themes.map((theme) => theme.id));
  });

  it('gives the same bytes for the same answers in another conversation', async () => {
    const other = await analyses.analyse(await analyses.conversationOf([...first.answers.map(({ text }) => text)]));
    expect(other.answers.map(({ x, y, cluster }) => [x, y, cluster])).toEqual(first.answers.map(({ x, y, cluster }) => [x, y, cluster]));
    expect(names(other.themes)).toEqual(names(first.themes));
  });

  it('keeps a name that a user gave, and the others, when answers are added', async () => {
    const [largest] = first.themes;
    await embedded.db.conversations.renameTheme(id, largest?.id ?? '', { name: 'My own name' });
    await analyses.add(id, ['A tram would be better than the bus.', 'The bus to the hospital never comes on time.', 'Bus tickets cost too much.']);
    const { themes, result } = await analyses.analyse(id, { params: { renameThemes: true } });
    expect(themes.find((theme) => theme.id === largest?.id)).toMatchObject({ name: 'My own name' });
    expect(result.naming.kept).toBe(1);
    expect(result.embeddings).toMatchObject({ cached: 120, embedded: 3 });
    expect(themes.filter((theme) => first.themes.some((old) => old.id === theme.id)).length).toBeGreaterThanOrEqual(first.themes.length - 2);
  });

  it('makes as many themes as are asked for', async () => {
    expect((await analyses.analyse(id, { params: { k: 3 } })).themes).toHaveLength(3);
  });

  it('places answers beyond the sample with those that say the like', async () => {
    const sampled = await analyses.analyse(id, { sampleLimit: 90 });
    expect(sampled.result).toMatchObject({ distinct: 123, sampled: 90 });
    expect(sampled.answers.filter(({ cluster }) => cluster === null)).toHaveLength(2);
    for (const { share } of topicsOf(sampled)) expect(share).toBeGreaterThan(0.6);
  });
});

describe('few answers', () => {
  it.each([
    [0, 'empty', 0],
    [1, 'too_few', 1],
    [4, 'too_few', 1],
  ])('%i of them end as %s, with %i themes', async (count, outcome, themes) => {
    const analysed = await analyses.analyse(await analyses.conversationOf(topical.slice(0, count).map(({ text }) => text)));
    expect(analysed.result).toMatchObject({ outcome, distinct: count, themes });
    expect(analysed.themes).toHaveLength(themes);
    expect(analysed.result.notes.length).toBeGreaterThan(0);
    for (const { x, y } of analysed.answers) expect([Number.isFinite(x), Number.isFinite(y)]).toEqual([true, true]);
  });

  it.each([5, 14, 15, 30, 60, 61])('%i of them have a place and belong to a theme or to none', async (count) => {
    const analysed = await analyses.analyse(await analyses.conversationOf(topical.slice(0, count).map(({ text }) => text)));
    expect(analysed.result).toMatchObject({ outcome: 'themes', distinct: count });
    expect(analysed.themes.length).toBeGreaterThan(0);
    for (const { x, y, cluster } of analysed.answers) {
      expect([Number.isFinite(x), Number.isFinite(y)]).toEqual([true, true]);
      expect(cluster).toBeGreaterThanOrEqual(-1);
    }
  });

  it('that are all the same are one, counted once', async () => {
    const analysed = await analyses.analyse(await analyses.conversationOf(Array.from({ length: 40 }, () => 'More buses, please.')));
    expect(analysed.result).toMatchObject({ outcome: 'too_few', answers: 40, duplicates: 39, distinct: 1, themes: 1 });
    expect(analysed.themes).toMatchObject([{ size: 1, responses: 40, share: 1 }]);
  });

  it('without a word end as empty', async () => {
    const analysed = await analyses.analyse(await analyses.conversationOf(['', ' ', '...']));
    expect(analysed.result).toMatchObject({ outcome: 'empty', answers: 3, empty: 3, themes: 0 });
  });
});

describe('an analysis that is stopped', () => {
  it('ends at once, and the one before it stays whole', async () => {
    const id = await analyses.conversationOf(topical.map(({ text }) => text));
    const before = await analyses.analyse(id);
    await analyses.add(id, ['Something new about the swimming pool.']);
    const stop = new AbortController();
    const reason = new Error('Cancelled');
    const onProgress = ({ current_step }: { current_step: string }): void => {
      if (current_step === 'reducing') stop.abort(reason);
    };
    await expect(analyses.analyse(id, { signal: stop.signal, onProgress })).rejects.toBe(reason);
    const themes = await embedded.db.conversations.themes(id);
    expect(themes).toEqual(before.themes);
  });
});
