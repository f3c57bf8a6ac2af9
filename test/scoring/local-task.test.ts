import { describe, expect, it } from 'vitest';
import { scoreLocally } from '../../lib/scoring/local.ts';
import enhanceLocally from '../../lib/scoring/local-task.ts';
import { readSentences } from '../../lib/scoring/nlp.ts';
import { readingGrade } from '../../lib/scoring/reading-level.ts';
import { storyJudgement } from '../../lib/scoring/refine.ts';
import { exampleStories } from './support.ts';

const enhance = async (title: string, content: string) =>
  storyJudgement.parse(await enhanceLocally({ title, content, sector: '', impactTags: '', localHypeScore: '3.5', localEthicsScore: '6.1' }));

const answers = await Promise.all(exampleStories.map(async (story) => ({ story, answer: await enhance(story.title, story.content) })));

describe('the local provider judging a story', () => {
  it('keeps the local scores', () => {
    for (const { answer } of answers) expect(answer).toMatchObject({ hypeScore: 3.5, ethicsScore: 6.1 });
  });

  it('says in at most two sentences what it found, and that nothing was checked', async () => {
    for (const { answer } of answers) {
      expect(answer.realityCheck).toContain('without fact-checking');
      expect(await readSentences(answer.realityCheck)).toHaveLength(2);
    }
  });

  it('quotes real stories exactly, at most five times each', () => {
    for (const { story, answer } of answers) {
      expect(answer.claims.length).toBeLessThanOrEqual(5);
      for (const { quote } of answer.claims) expect(story.content).toContain(quote);
    }
    expect(answers.filter(({ answer }) => answer.claims.length > 0).length).toBeGreaterThanOrEqual(answers.length - 1);
  });

  it('tells claims with a source from claims without', async () => {
    const { claims } = await enhance(
      'Widgets',
      'According to Acme, sales rose by 40 percent in May. The widget is 3 times faster than all others. I think it is 100% fun to use.',
    );
    expect(claims.map(({ verdict }) => verdict)).toEqual(['attributed', 'unsupported', 'opinion']);
  });

  it('takes sentences inside a quotation for the speaker’s', async () => {
    const { claims } = await enhance(
      'Widgets',
      '"We sold 3 million new widgets in May. Our widgets cost 20 percent less than theirs," said Ann Smith.',
    );
    expect(claims.map(({ verdict }) => verdict)).toEqual(['attributed', 'attributed']);
  });

  it('names the sources', async () => {
    const { realityCheck } = await enhance(
      'Leak',
      'According to UpGuard, 3 files leaked. Mike Ryan of the agency told the press more. Later, The Guardian reported it.',
    );
    expect(realityCheck).toContain('(among them UpGuard, Mike Ryan, The Guardian)');
  });

  it('summarises in words that are easier to read than the story', async () => {
    const grades = await Promise.all(
      answers.map(async ({ story, answer }) => ({ story: await readingGrade(story.content), summary: await readingGrade(answer.eli5Summary) })),
    );
    for (const grade of grades) expect(grade.summary).toBeLessThan(grade.story);
    const sorted = grades.map(({ summary }) => summary).sort((one, other) => one - other);
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThanOrEqual(8.5);
  });

  it('reaches grade 8 where the text has easy sentences', async () => {
    const { eli5Summary } = await enhance(
      'Town plants trees',
      'The town will plant a thousand trees this year. The trees will give shade to the streets in summer. Consequently, municipal administrators anticipate considerable improvements regarding atmospheric temperature regulation throughout metropolitan neighbourhoods. The mayor said the trees cost less than new roads.',
    );
    expect(await readingGrade(eli5Summary)).toBeLessThanOrEqual(8);
  });

  it('gives the same answer again', async () => {
    for (const { story, answer } of answers.slice(0, 3)) expect(await enhance(story.title, story.content)).toEqual(answer);
  });

  it.each([
    ['nothing at all', '', ''],
    ['a title alone', 'Only a title', ''],
    ['marks', '!!!', '... ???'],
    ['another script', 'عنوان', 'مرحبا بالعالم. '.repeat(50)],
    ['200 kB', 'Long', 'The firm said sales rose by 40 percent because prices fell. Costs will be lower than ever in 2030. '.repeat(2_000)],
    ['one endless word', 'Long', 'a'.repeat(200_000)],
    ['unclosed brackets', 'Odd', `${'( [ " '.repeat(2_000)} The firm said it.`],
  ])('has an answer that fits the schema for %s', async (_, title, content) => {
    const answer = await enhance(title, content);
    for (const { quote } of answer.claims) expect(content).toContain(quote);
  });

  it('agrees with the scores that were stored when the story was created', async () => {
    const story = exampleStories[0] ?? { title: '', content: '', sectorTag: '', impactTags: [] };
    const local = await scoreLocally(story);
    const data = { title: story.title, content: story.content, localHypeScore: String(local.hypeScore), localEthicsScore: String(local.ethicsScore) };
    expect(await enhanceLocally(data)).toMatchObject({ hypeScore: local.hypeScore, ethicsScore: local.ethicsScore });
  });
});
