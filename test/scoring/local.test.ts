import { describe, expect, it } from 'vitest';
import { scoreLocally } from '../../lib/scoring/local.ts';
import { exampleStories, sumOfReasons } from './support.ts';

const untagged = { sectorTag: null, impactTags: [] };
const score = (title: string, content: string) => scoreLocally({ title, content, ...untagged });
const rules = async (title: string, content: string) => (await score(title, content)).reasons.map(({ rule }) => rule);

const SOBER = `Researchers at the university reported on Monday that a new battery lost 8 percent of its charge over 500 cycles, according to a study
published in the journal Energy. The team measured 40 cells. The result may not hold at low temperatures, the authors said, and further research is needed.`;
const PROMOTION = 'This revolutionary, game-changing app will transform everything forever.';
const SAFEGUARD = 'An independent audit was published and users gave informed consent, with all their data encrypted.';

describe('the local scores', () => {
  it('are explained completely: the effects of the reasons add up to the score', async () => {
    for (const story of exampleStories) {
      const scores = await scoreLocally(story);
      expect(sumOfReasons(scores, 'hype'), story.title).toBe(scores.hypeScore);
      expect(sumOfReasons(scores, 'ethics'), story.title).toBe(scores.ethicsScore);
    }
  });

  it('name as evidence words that stand in the story', async () => {
    const { reasons } = await score('A Revolutionary App', 'The app is Game-Changing. It leaked private data.');
    const evidence = Object.fromEntries(reasons.map(({ rule, evidence }) => [rule, evidence]));
    expect(evidence).toMatchObject({ promotional: 'Revolutionary (title), Game-Changing', privacy: 'leaked, private data' });
  });

  it('are the same for the same story', async () => {
    const [first, second] = await Promise.all([scoreLocally(exampleStories[0] ?? fail()), scoreLocally(exampleStories[0] ?? fail())]);
    expect(second).toEqual(first);
  });

  it('spread over real stories: reporting stays below promotion, a data leak below a working treatment', async () => {
    const scores = new Map(await Promise.all(exampleStories.map(async (story) => [story.title, await scoreLocally(story)] as const)));
    const ethics = (start: string) => [...scores].find(([title]) => title.startsWith(start))?.[1].ethicsScore ?? fail();
    expect(Math.max(...[...scores.values()].map(({ hypeScore }) => hypeScore))).toBeLessThan(4);
    expect(new Set([...scores.values()].map(({ ethicsScore }) => ethicsScore)).size).toBeGreaterThan(6);
    expect(ethics('540 million private Facebook records')).toBeLessThan(3);
    expect(ethics('Scientists report two life-saving')).toBeGreaterThan(5);
    expect((await score('Revolutionary AI!', PROMOTION)).hypeScore).toBeGreaterThan(8);
  });

  it('see the story of seed 002 as it does: more hype than not, ethics in doubt', async () => {
    const story = { title: 'New AI Model Raises Privacy Concerns', content: 'A new AI model has been released...', sectorTag: 'AI Ethics' };
    expect(await scoreLocally({ ...story, impactTags: ['privacy', 'concern'] })).toMatchObject({ hypeScore: 6.5, ethicsScore: 3.1 });
  });
});

describe('hype', () => {
  it('rises with every promotional sentence, up to the top', async () => {
    const texts = [0, 1, 2, 4, 8].map((times) => `${SOBER} ${`${PROMOTION} `.repeat(times)}`);
    const scores = await Promise.all(texts.map(async (text) => (await score('A battery', text)).hypeScore));
    expect(scores).toEqual([...scores].sort((one, other) => one - other));
    expect(scores[0]).toBeLessThan(1.5);
    expect(scores.at(-1)).toBeGreaterThan((scores[0] ?? 0) + 3);
  });

  it('weighs a word in the title more than in the text', async () => {
    const [inTitle, inText] = await Promise.all([score('A revolutionary battery', SOBER), score('A battery', `${SOBER} It is revolutionary.`)]);
    expect(inTitle.hypeScore).toBeGreaterThan(inText.hypeScore);
  });

  it('is not raised by what is denied', async () => {
    expect(await rules('A tool', 'The tool is not revolutionary.')).not.toContain('promotional');
    expect(await rules('A tool', 'The tool is revolutionary.')).toContain('promotional');
  });

  it('takes New York for a place and not for news', async () => {
    expect(await rules('Rain in New York', 'It rained in New York and in New Zealand.')).not.toContain('novelty');
  });
});

describe('ethics', () => {
  it('rises with every safeguard and falls with every concern', async () => {
    const concerned = 'The app tracks children and leaks their private data.';
    const better = await Promise.all(
      [0, 1, 2, 4].map(async (times) => (await score('An app', `${concerned} ${`${SAFEGUARD} `.repeat(times)}`)).ethicsScore),
    );
    expect(better).toEqual([...better].sort((one, other) => one - other));
    expect(better.at(-1)).toBeGreaterThan((better[0] ?? 0) + 2);
    expect((await score('An app', `${SOBER} ${concerned}`)).ethicsScore).toBeLessThan((await score('An app', SOBER)).ethicsScore);
  });

  it('is not lowered by concerns that are denied', async () => {
    const [denied, raised] = await Promise.all([score('A model', 'There are no privacy concerns.'), score('A model', 'There are privacy concerns.')]);
    expect(raised.ethicsScore).toBeLessThan(denied.ethicsScore);
    expect(denied.reasons.filter(({ score: of, rule }) => of === 'ethics' && rule !== 'base')).toEqual([]);
  });

  it('takes a missing safeguard for neglect, with its negation as evidence', async () => {
    const { reasons, ethicsScore } = await score('An app', "The profiles were read without users' knowledge or consent.");
    expect(reasons).toContainEqual(expect.objectContaining({ rule: 'neglect', evidence: "without users' knowledge or consent" }));
    expect(ethicsScore).toBeLessThan(6);
  });

  it('counts a concern for less where the same sentence tells what is done about it', async () => {
    const effect = async (text: string) => (await score('An app', text)).reasons.find(({ rule }) => rule === 'privacy')?.effect ?? 0;
    expect(await effect('The leak was patched and an audit followed.')).toBeGreaterThan(await effect('The leak went on and nobody came.'));
  });

  it('reads tags', async () => {
    const scores = await scoreLocally({ title: 'A model', content: 'It is out.', sectorTag: null, impactTags: ['surveillance'] });
    expect(scores.reasons).toContainEqual(expect.objectContaining({ rule: 'surveillance', evidence: 'surveillance (tag)' }));
  });
});

describe('odd texts', () => {
  const odd: Record<string, string> = {
    nothing: '',
    blanks: ' \n\t \u00a0 ',
    marks: '?!.,;:-'.repeat(50),
    emoji: '🚀🔥👩‍👩‍👧 '.repeat(500),
    'right to left': 'مرحبا بالعالم. هذا نص طويل. '.repeat(300),
    'Chinese without spaces': '这是一个没有空格的长文本我们继续写'.repeat(500),
    'one endless word': 'a'.repeat(200_000),
    'endless apostrophes': "'".repeat(200_000),
    'broken surrogates': '\ud800 word \udc00',
    '200 kB of prose': `${SOBER} ${PROMOTION}\n\n`.repeat(500),
    'null characters': 'a\u0000b \u0000 c',
    'capital letters': 'A'.repeat(30_000),
  };

  it.each(Object.keys(odd))('%s: scores stay from 0 to 10 with one decimal, and explained', async (name) => {
    const scores = await scoreLocally({ title: odd[name]?.slice(0, 100) ?? '', content: odd[name] ?? '', ...untagged });
    for (const value of [scores.hypeScore, scores.ethicsScore]) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(10);
      expect(Math.round(value * 10) / 10).toBe(value);
    }
    expect(sumOfReasons(scores, 'hype')).toBe(scores.hypeScore);
    expect(sumOfReasons(scores, 'ethics')).toBe(scores.ethicsScore);
  });

  it('random characters never throw', async () => {
    let seed = 42;
    const next = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed;
    };
    for (let round = 0; round < 40; round += 1) {
      const text = Array.from({ length: 300 }, () => String.fromCharCode(next() % 0x3000)).join('');
      expect(await scoreLocally({ title: text.slice(0, 20), content: text, ...untagged })).toMatchObject({ version: expect.any(String) });
    }
  });

  it('in another language stay at the base, and say why', async () => {
    const german = 'Der Hund läuft durch den Garten, und die Kinder spielen mit dem Ball, während die Eltern im Haus das revolutionäre Essen kochen.';
    const scores = await score('Revolutionary', german);
    expect(scores).toMatchObject({ hypeScore: 4, ethicsScore: 6 });
    expect(scores.reasons).toContainEqual(expect.objectContaining({ rule: 'not-english', effect: 0 }));
  });

  it('of great length are read at their end too', async () => {
    const { reasons } = await score('A battery', `${`${SOBER}\n\n`.repeat(600)}${PROMOTION}`);
    expect(reasons.map(({ rule }) => rule)).toContain('promotional');
  });
});

function fail(): never {
  throw new Error('not there');
}
