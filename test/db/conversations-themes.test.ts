import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analysed, conversationOf, everythingOf, newTheme, placed, runningAnalysis } from './conversation-samples.ts';
import { type World, worlds } from './worlds.ts';

describe.each(worlds)('themes on %s', (_, start) => {
  let world: World;
  let service: SupabaseClient;
  beforeAll(async () => {
    world = await start();
    service = createClient(world.url, world.serviceKey, { ...(world.fetch ? { global: { fetch: world.fetch } } : {}) });
  });
  afterAll(() => world.stop());

  const conversations = () => world.db.conversations;
  const conversationWith = (...texts: string[]) => conversationOf(world.db, texts);
  const jobOf = (id: string) => world.db.jobRows.get('conversation_analysis_jobs', id);

  describe('themes', () => {
    it('are renamed one by one; what is not named stays', async () => {
      const { id } = await conversationWith('trees');
      const theme = newTheme(0);
      await analysed(world.db, id, { themes: [theme] });
      expect(await conversations().renameTheme(id, theme.id, {})).toMatchObject({ name: theme.name, renamedAt: null });
      expect(await conversations().renameTheme(id, theme.id, { description: 'Shade' })).toMatchObject({ name: theme.name, description: 'Shade' });
      expect(await conversations().renameTheme(id, theme.id, { name: 'Green' })).toMatchObject({ name: 'Green', description: 'Shade' });
      expect(await conversations().renameTheme(id, randomUUID(), { name: 'x' })).toBeUndefined();
      expect(await conversations().renameTheme((await conversationWith()).id, theme.id, { name: 'x' })).toBeUndefined();
      await expect(conversations().renameTheme(randomUUID(), theme.id, { name: 'x' })).rejects.toMatchObject({ code: 'not_found' });
    });

    it('are merged: answers, figures, keywords and voices of all of them, the others’ places as they were', async () => {
      const { id, answers } = await conversationWith('a', 'b', 'c', 'd');
      const [a = '', b = '', c = '', d = ''] = answers.map((answer) => answer.id);
      const voices = (responseId: string, text: string) => ({
        representatives: Array.from({ length: 7 }, (_unused, index) => ({ responseId, text: `${text}${index}` })),
        quotes: [{ responseId, quote: text }],
      });
      const [zero, one, two] = [
        newTheme(0, { size: 5, responses: 6, share: 0.5 }),
        newTheme(1, { size: 3, responses: 4, share: 0.3, x: 4, y: 0, stability: 0.5, sentiment: 'positive', sentimentScore: 1, ...voices(b, 'b') }),
        newTheme(2, {
          size: 1,
          responses: 1,
          share: 0.1,
          x: 0,
          y: 4,
          stability: null,
          sentiment: 'neutral',
          ...voices(c, 'c'),
          keywords: [
            { term: 'word1', score: 0.2 },
            { term: 'new', score: 0.4 },
          ],
        }),
      ];
      await analysed(world.db, id, { themes: [zero, one, two], answers: [placed(a, 0), placed(b, 1), placed(c, 2), placed(d, -1)] });
      const merged = await conversations().mergeThemes(id, [two.id, one.id, two.id], { name: 'Both' });
      expect(merged).toMatchObject({
        id: two.id,
        name: 'Both',
        position: 2,
        size: 4,
        responses: 5,
        share: 0.4,
        x: 3,
        y: 1,
        stability: 0.5,
        sentiment: 'mixed',
        sentimentScore: 0.75,
        keywords: [
          { term: 'word1', score: 1 },
          { term: 'new', score: 0.4 },
        ],
        quotes: [{ quote: 'c' }, { quote: 'b' }],
        renamedAt: expect.any(String),
      });
      expect(merged?.representatives.map(({ text }) => text)).toEqual(['c0', 'b0', 'c1', 'b1', 'c2', 'b2', 'c3', 'b3', 'c4', 'b4']);
      const saved = await everythingOf(world.db, id);
      expect(saved.themes.map((theme) => [theme.id, theme.position])).toEqual([
        [zero.id, 0],
        [two.id, 2],
      ]);
      expect(saved.answers.map(({ themeId, cluster }) => [themeId, cluster])).toEqual([
        [zero.id, 0],
        [two.id, 2],
        [two.id, 2],
        [null, -1],
      ]);
      // Repeated after a lost answer.
      expect(await conversations().mergeThemes(id, [two.id, one.id], { name: 'Both' })).toEqual(merged);
    });

    it('are listed with the largest first, also after a merge', async () => {
      const { id } = await conversationWith('a');
      const themes = [newTheme(0, { size: 5 }), newTheme(1, { size: 4 }), newTheme(2, { size: 3 })];
      await analysed(world.db, id, { themes });
      await conversations().mergeThemes(id, [themes[2]?.id ?? '', themes[1]?.id ?? ''], {});
      expect((await conversations().themes(id)).map(({ size, name }) => [size, name])).toEqual([
        [7, 'Theme 2'],
        [5, 'Theme 0'],
      ]);
    });

    it('are not merged when one of them is not there, or only one is named', async () => {
      const [{ id }, other] = [await conversationWith('a'), await conversationWith('b')];
      const [theme, foreign] = [newTheme(0), newTheme(0)];
      await analysed(world.db, id, { themes: [theme] });
      await analysed(world.db, other.id, { themes: [foreign] });
      const before = await everythingOf(world.db, id);
      for (const ids of [[theme.id, foreign.id], [foreign.id, theme.id], [theme.id, randomUUID()], [], [theme.id, 'no-uuid']])
        expect(await conversations().mergeThemes(id, ids, { name: 'x' })).toBeUndefined();
      expect(await conversations().mergeThemes(id, [theme.id, theme.id], {})).toEqual(before.themes[0]);
      expect(await everythingOf(world.db, id)).toEqual(before);
      await expect(conversations().mergeThemes(randomUUID(), [theme.id], {})).rejects.toMatchObject({ code: 'not_found' });
      expect(await conversations().mergeThemes(id, [theme.id, theme.id], { name: 'Alone' })).toMatchObject({ name: 'Alone', size: theme.size });
    });
  });

  describe('what is deleted', () => {
    it('an answer: the next equal one counts, and no theme cites it any more', async () => {
      const { id, answers } = await conversationWith('trees', 'Trees', 'TREES');
      const [a = '', b = '', c = ''] = answers.map((answer) => answer.id);
      const cited = {
        representatives: [
          { responseId: a, text: 'trees' },
          { responseId: b, text: 'Trees' },
        ],
        quotes: [{ responseId: a, quote: 'tree' }],
      };
      const places = [placed(a, 0), placed(b, 0, { duplicateOf: a }), placed(c, 0, { duplicateOf: a })];
      await analysed(world.db, id, { themes: [newTheme(0, cited)], answers: places });
      await service.from('conversation_responses').delete().eq('id', a);
      const left = await everythingOf(world.db, id);
      expect(left.answers.map((answer) => [answer.id, answer.duplicateOf])).toEqual([
        [b, null],
        [c, b],
      ]);
      expect(left.themes).toMatchObject([{ representatives: [{ responseId: b, text: 'Trees' }], quotes: [], size: 10 }]);
    });

    it('a theme: its answers are in none', async () => {
      const { id, answers } = await conversationWith('trees', 'parking');
      const themes = [newTheme(0), newTheme(1)];
      await analysed(world.db, id, { themes, answers: answers.map((answer, index) => placed(answer.id, index)) });
      await service.from('conversation_themes').delete().eq('id', themes[0]?.id);
      expect((await everythingOf(world.db, id)).answers).toMatchObject([
        { themeId: null, cluster: -1, x: 0.25 },
        { themeId: themes[1]?.id, cluster: 1 },
      ]);
    });

    it('a conversation: answers, themes and jobs go as well, and a run that still works saves nothing', async () => {
      const { id, answers } = await conversationWith('trees');
      const analysis = await analysed(world.db, id, { themes: [newTheme(0)], answers: [placed(answers[0]?.id ?? '', 0)] });
      const run = await runningAnalysis(world.db, id);
      await service.from('conversations').delete().eq('id', id);
      expect(await conversations().saveAnalysis({ ...analysis, ...run })).toBe(false);
      expect(await everythingOf(world.db, id)).toEqual({ conversation: undefined, themes: [], answers: [] });
      expect(await jobOf(analysis.jobId)).toBeUndefined();
    });
  });
});
