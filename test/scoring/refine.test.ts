import { describe, expect, it } from 'vitest';
import { loadPrompt } from '../../lib/ai/prompts.ts';
import { strictJsonSchema } from '../../lib/ai/schema.ts';
import { silentLogger } from '../../lib/log.ts';
import { refinementHash } from '../../lib/scoring/content-hash.ts';
import { SCORING_VERSION } from '../../lib/scoring/lexicons.ts';
import { scoreLocally } from '../../lib/scoring/local.ts';
import { plainerSummary, type RefineStep, refinementHashOf, refineStory, storyJudgement } from '../../lib/scoring/refine.ts';
import { judgement, preparedAi } from './support.ts';

const input = {
  title: 'Widget maker doubles sales',
  content: 'The maker said on Monday that sales rose by 40 percent. It did not say why. Critics doubt the figure.',
  sectorTag: 'Business',
  impactTags: ['jobs'],
};
const story = { ...input, localScores: await scoreLocally(input) };
const HARD =
  'Notwithstanding considerable uncertainties, international organisations anticipate unprecedented industrial transformation opportunities.';
const EASY = 'The firm sold more. No one knows why.';

function refine(answers: Record<string, unknown>, settings: Parameters<typeof preparedAi>[1] & { force?: boolean } = {}) {
  const { ai, asked } = preparedAi(answers, settings);
  const steps: RefineStep[] = [];
  const refining = refineStory({ story, ai, log: silentLogger, force: settings.force, onStep: (step) => steps.push(step) });
  return { refining, asked, steps };
}

describe('refining a story', () => {
  it('sends the story as data and keeps what was judged, by whom and with which prompt', async () => {
    const { refining, asked, steps } = refine({ 'story-enhancement': { ...judgement, hypeScore: 7.24, ethicsScore: 4.85 } });
    const { scores } = await refining;
    expect(scores).toMatchObject({ hypeScore: 7.2, ethicsScore: 4.9, provider: 'openai', model: 'gpt-6-luna-2026-11-01', promptVersion: '1' });
    expect(asked).toHaveLength(1);
    expect(asked[0]?.data).toMatchObject({ title: story.title, content: story.content, sector: 'Business', impactTags: 'jobs' });
    expect(asked[0]?.data.localHypeScore).toBe(String(story.localScores.hypeScore));
    expect(steps).toEqual(['refining', 'checking quotes', 'measuring reading level']);
  });

  it('drops claims whose quote is not in the story and gives the others the words of the story', async () => {
    const claim = { claim: 'Sales rose.', verdict: 'attributed' };
    const claims = [
      { ...claim, quote: '“sales rose by  40 percent”' },
      { ...claim, quote: 'sales rose by 50 percent' },
      { ...claim, quote: 'Widget maker doubles' },
    ];
    const { scores, droppedClaims } = await refine({ 'story-enhancement': { ...judgement, claims } }).refining;
    expect(scores.claims.map(({ quote }) => quote)).toEqual(['sales rose by 40 percent', 'Widget maker doubles']);
    expect(droppedClaims).toBe(1);
  });

  it('keeps five claims and two sentences of the reality check', async () => {
    const claims = Array.from({ length: 7 }, () => ({ claim: 'Sales rose.', verdict: 'opinion', quote: 'sales rose by 40 percent' }));
    const answer = { ...judgement, claims, realityCheck: 'It is not sourced. Nobody checked it. Do not read it.' };
    const { scores } = await refine({ 'story-enhancement': answer }).refining;
    expect(scores.claims).toHaveLength(5);
    expect(scores.realityCheck).toBe('It is not sourced. Nobody checked it.');
  });

  it('asks once for a plainer summary when the first is too hard, and keeps the better', async () => {
    const easier = refine({ 'story-enhancement': { ...judgement, eli5Summary: HARD }, 'story-eli5': { eli5Summary: EASY } });
    expect(await easier.refining).toMatchObject({ askedAgain: true, scores: { eli5Summary: EASY, eli5Grade: 0 } });
    expect(easier.asked.map(({ promptId }) => promptId)).toEqual(['story-enhancement', 'story-eli5']);
    expect(easier.asked[1]?.data).toMatchObject({ summary: HARD, wantedGrade: '8' });
    const harder = refine({
      'story-enhancement': { ...judgement, eli5Summary: HARD },
      'story-eli5': { eli5Summary: HARD.replace('.', ' internationally.') },
    });
    expect(await harder.refining).toMatchObject({ askedAgain: true, scores: { eli5Summary: HARD } });
    expect(harder.asked).toHaveLength(2);
  });

  it('does not ask the local provider again', async () => {
    const { refining, asked } = refine({ 'story-enhancement': { ...judgement, eli5Summary: HARD } }, { provider: 'local', model: 'local' });
    expect((await refining).askedAgain).toBe(false);
    expect(asked).toHaveLength(1);
  });

  it('pays for both questions again when forced', async () => {
    const { refining, asked } = refine(
      { 'story-enhancement': { ...judgement, eli5Summary: HARD }, 'story-eli5': { eli5Summary: EASY } },
      { force: true },
    );
    await refining;
    expect(asked.map(({ force }) => force)).toEqual([true, true]);
  });
});

describe('the answer schemas', () => {
  it('are ones that vendors take', () => {
    expect(strictJsonSchema(storyJudgement)).toMatchObject({ required: ['hypeScore', 'ethicsScore', 'realityCheck', 'claims', 'eli5Summary'] });
    expect(strictJsonSchema(plainerSummary)).toMatchObject({ required: ['eli5Summary'] });
  });

  it.each([
    ['a score out of range', { hypeScore: 11 }],
    ['a score below zero', { ethicsScore: -0.1 }],
    ['a verdict of its own', { claims: [{ claim: 'a', verdict: 'true', quote: 'b' }] }],
    ['a blank reality check', { realityCheck: ' ' }],
    ['no summary', { eli5Summary: '' }],
  ])('refuse %s, so that the model is asked to repair it', (_, change) => {
    expect(storyJudgement.safeParse({ ...judgement, ...change }).success).toBe(false);
  });
});

describe('the hash of a refinement', () => {
  const judge = { provider: 'openai', model: 'gpt-6-luna' } as const;

  it('stays while nothing changes, whatever the local scores are', async () => {
    const rescored = { ...story, localScores: { ...story.localScores, hypeScore: 9 } };
    expect(await refinementHashOf(rescored, judge)).toBe(await refinementHashOf(story, judge));
  });

  it('changes for the local provider when its rules do', async () => {
    const versions = (await Promise.all([loadPrompt('story-enhancement'), loadPrompt('story-eli5')])).map(({ id, version }) => `${id} ${version}`);
    const judged = { provider: 'local', model: 'local', promptVersions: [...versions, SCORING_VERSION] } as const;
    expect(await refinementHashOf(story, { provider: 'local', model: 'local' })).toBe(refinementHash(story, judged));
  });

  it('changes with the text, the tags, the provider and the model', async () => {
    const hashes = await Promise.all([
      refinementHashOf(story, judge),
      refinementHashOf({ ...story, title: 'Another' }, judge),
      refinementHashOf({ ...story, content: `${story.content} ` }, judge),
      refinementHashOf({ ...story, sectorTag: null }, judge),
      refinementHashOf({ ...story, impactTags: ['jobs', 'prices'] }, judge),
      refinementHashOf(story, { ...judge, model: 'gpt-6-sol' }),
      refinementHashOf(story, { ...judge, provider: 'anthropic' }),
      refinementHashOf(story, { provider: 'local', model: 'gpt-6-luna' }),
    ]);
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});
