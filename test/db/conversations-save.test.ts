import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analysed, conversationOf, everythingOf, newTheme, placed, runningAnalysis } from './conversation-samples.ts';
import { type World, worlds } from './worlds.ts';

describe.each(worlds)('saving an analysis on %s', (_, start) => {
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

  describe('an analysis that is saved', () => {
    it('is there whole: themes, places, the result in both rows, both states', async () => {
      const { id, answers } = await conversationWith('trees', 'Trees', 'parking', 'asdf', '');
      const [a = '', b = '', c = '', d = ''] = answers.map((answer) => answer.id);
      const themes = [
        newTheme(0, { representatives: [{ responseId: a, text: 'trees' }], quotes: [{ responseId: a, quote: 'tree' }], sentiment: 'positive' }),
        newTheme(1, { stability: null, x: null, y: null }),
      ];
      const places = [placed(a, 0), placed(b, 0, { duplicateOf: a }), placed(c, 1, { x: 1e-7, y: 0.1 + 0.2 }), placed(d, -1)];
      const { jobId } = await analysed(world.db, id, { themes, answers: places });
      const saved = await everythingOf(world.db, id);
      expect(saved.conversation).toMatchObject({
        analysisStatus: 'succeeded',
        analysisError: null,
        analysis: { outcome: 'themes' },
        analysisJobId: jobId,
      });
      expect(saved.themes).toMatchObject(themes.map((theme) => ({ ...theme, conversationId: id, renamedAt: null })));
      expect(saved.answers.map(({ cluster, themeId, x, y, duplicateOf }) => [cluster, themeId, x, y, duplicateOf])).toEqual([
        [0, themes[0]?.id, 0.25, -1.5, null],
        [0, themes[0]?.id, 0.25, -1.5, a],
        [1, themes[1]?.id, 1e-7, 0.1 + 0.2, null],
        [-1, null, 0.25, -1.5, null],
        [null, null, null, null, null],
      ]);
      expect(await conversations().counts(id)).toEqual({ total: 5, counted: 3, duplicates: 1, notAnalysed: 1, outliers: 1, themes: 2 });
      expect(await jobOf(jobId)).toMatchObject({ status: 'succeeded', result: { outcome: 'themes' }, error: null });
    });

    it('is reported twice with the effect of once', async () => {
      const { id, answers } = await conversationWith('trees');
      const analysis = await analysed(world.db, id, { themes: [newTheme(0)], answers: [placed(answers[0]?.id ?? '', 0)] });
      const before = await everythingOf(world.db, id);
      expect(await conversations().saveAnalysis({ ...analysis, themes: [], answers: [] })).toBe(true);
      expect(await everythingOf(world.db, id)).toEqual(before);
    });

    it('takes the place of the one before: themes that are gone go, answers that are not named are shown as not analysed', async () => {
      const { id, answers } = await conversationWith('trees', 'parking');
      const [a = '', b = ''] = answers.map((answer) => answer.id);
      const [kept, gone] = [newTheme(0), newTheme(1)];
      await analysed(world.db, id, { themes: [kept, gone], answers: [placed(a, 0), placed(b, 1, { duplicateOf: a })] });
      await analysed(world.db, id, { themes: [{ ...kept, name: 'Anew', size: 3 }], answers: [placed(b, 0)] });
      const saved = await everythingOf(world.db, id);
      expect(saved.themes).toMatchObject([{ id: kept.id, name: 'Anew', size: 3 }]);
      expect(saved.answers).toMatchObject([
        { cluster: null, themeId: null, x: null, duplicateOf: null },
        { cluster: 0, themeId: kept.id, duplicateOf: null },
      ]);
      await analysed(world.db, id, { result: { outcome: 'empty' } });
      expect(await conversations().counts(id)).toMatchObject({ themes: 0, notAnalysed: 2 });
    });

    it('keeps the names that users gave, and no others', async () => {
      const { id } = await conversationWith('trees');
      const themes = [newTheme(0), newTheme(1)];
      await analysed(world.db, id, { themes });
      await conversations().renameTheme(id, themes[0]?.id ?? '', { name: 'Green town' });
      await analysed(world.db, id, { themes: themes.map((theme) => ({ ...theme, name: 'By a model', description: 'Newer', size: 8 })) });
      expect(await conversations().themes(id)).toMatchObject([
        { name: 'Green town', description: 'What theme 0 is about', size: 8, renamedAt: expect.any(String) },
        { name: 'By a model', description: 'Newer', size: 8, renamedAt: null },
      ]);
    });

    it('leaves out answers that were deleted meanwhile: the next equal one counts, and nothing cites them', async () => {
      const { id, answers } = await conversationWith('trees', 'Trees', 'TREES', 'parking');
      const [a = '', b = '', c = '', d = ''] = answers.map((answer) => answer.id);
      const run = await runningAnalysis(world.db, id);
      await service.from('conversation_responses').delete().eq('id', a);
      const cited = {
        representatives: [
          { responseId: a, text: 'trees' },
          { responseId: d, text: 'parking' },
        ],
        quotes: [{ responseId: a, quote: 'tree' }],
      };
      const places = [placed(a, 0), placed(b, 0, { duplicateOf: a }), placed(c, 0, { duplicateOf: a }), placed(d, 0)];
      expect(await conversations().saveAnalysis({ ...run, conversationId: id, result: {}, themes: [newTheme(0, cited)], answers: places })).toBe(
        true,
      );
      const saved = await everythingOf(world.db, id);
      expect(saved.answers.map(({ duplicateOf }) => duplicateOf)).toEqual([null, b, null]);
      expect(saved.themes).toMatchObject([{ representatives: [{ responseId: d, text: 'parking' }], quotes: [] }]);
    });
  });

  describe('an analysis that is not saved', () => {
    const analysisFor = async (id: string, answer: string) => {
      const old = newTheme(0);
      await analysed(world.db, id, { themes: [old], answers: [placed(answer, 0)] });
      const run = await runningAnalysis(world.db, id);
      return { ...run, conversationId: id, result: { new: true }, themes: [{ ...old, name: 'New' }, newTheme(1)], answers: [placed(answer, 1)] };
    };

    it.each([
      ['was cancelled', (jobId: string) => world.db.jobRows.cancel('conversation_analysis_jobs', jobId, 'no longer needed')],
      [
        'was taken over by another run',
        (id: string) => world.db.jobRows.begin({ table: 'conversation_analysis_jobs', id, run: 1, runId: 'another', attempt: 2 }),
      ],
      ['was set back to waiting', (jobId: string) => service.from('conversation_analysis_jobs').update({ status: 'queued' }).eq('id', jobId)],
      [
        'was reported as failed by this very run',
        (id: string) => world.db.jobRows.end({ table: 'conversation_analysis_jobs', id, outcome: 'failed', error: 'x' }),
      ],
    ])('changes nothing when its job %s', async (_what, lose) => {
      const { id, answers } = await conversationWith('trees');
      const analysis = await analysisFor(id, answers[0]?.id ?? '');
      await lose(analysis.jobId);
      const before = [await everythingOf(world.db, id), await jobOf(analysis.jobId)];
      expect(await conversations().saveAnalysis(analysis)).toBe(false);
      expect([await everythingOf(world.db, id), await jobOf(analysis.jobId)]).toEqual(before);
    });

    it('changes nothing when its job is another conversation’s, or nobody’s', async () => {
      const [one, other] = [await conversationWith('trees'), await conversationWith('trees')];
      const analysis = await analysisFor(one.id, one.answers[0]?.id ?? '');
      const before = [await everythingOf(world.db, one.id), await everythingOf(world.db, other.id)];
      for (const wrong of [{ conversationId: other.id }, { jobId: randomUUID() }, { jobId: 'no-uuid' }, { runId: 'other' }])
        expect(await conversations().saveAnalysis({ ...analysis, ...wrong })).toBe(false);
      expect([await everythingOf(world.db, one.id), await everythingOf(world.db, other.id)]).toEqual(before);
      expect(await jobOf(analysis.jobId)).toMatchObject({ status: 'processing' });
    });

    it('leaves the old one whole when it fails half-way, and can be saved after that', async () => {
      const [one, other] = [await conversationWith('trees'), await conversationWith('trees')];
      const analysis = await analysisFor(one.id, one.answers[0]?.id ?? '');
      const foreign = newTheme(2);
      await analysed(world.db, other.id, { themes: [{ ...foreign, position: 0 }] });
      const before = [await everythingOf(world.db, one.id), await everythingOf(world.db, other.id)];
      const refused = { code: 'invalid_input' };
      await expect(conversations().saveAnalysis({ ...analysis, themes: [...analysis.themes, foreign] })).rejects.toMatchObject(refused);
      await expect(conversations().saveAnalysis({ ...analysis, answers: [placed(one.answers[0]?.id ?? '', 2)] })).rejects.toMatchObject(refused);
      await expect(conversations().saveAnalysis({ ...analysis, themes: [newTheme(1)] })).rejects.toMatchObject(refused);
      expect([await everythingOf(world.db, one.id), await everythingOf(world.db, other.id)]).toEqual(before);
      expect(await conversations().saveAnalysis(analysis)).toBe(true);
      expect(await conversations().themes(one.id)).toMatchObject([{ name: 'New' }, { position: 1 }]);
    });

    it('never touches answers of another conversation, whatever it names', async () => {
      const [one, other] = [await conversationWith('trees'), await conversationWith('parking')];
      const before = await everythingOf(world.db, other.id);
      await analysed(world.db, one.id, { themes: [newTheme(0)], answers: [placed(other.answers[0]?.id ?? '', 0)] });
      expect(await everythingOf(world.db, other.id)).toEqual(before);
    });
  });
});
