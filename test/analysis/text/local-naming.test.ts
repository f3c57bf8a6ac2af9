import { describe, expect, it } from 'vitest';
import { keywordsOf } from '../../../lib/analysis/text/keywords.ts';
import { nameThemes, type ThemeToName } from '../../../lib/analysis/text/naming.ts';
import comments from '../../fixtures/conversations/bowling-green.json' with { type: 'json' };
import { aiWith, themeOf } from './support.ts';

const name = (themes: readonly ThemeToName[], taken: readonly string[] = []) => nameThemes({ ai: aiWith().ai, title: 'Our town', themes, taken });

describe('naming themes without a model', () => {
  it('names real themes by what their answers say', async () => {
    const keywords = keywordsOf(
      comments.map(({ text }) => text),
      Int32Array.from(comments, ({ cluster }) => cluster),
      4,
      10,
    );
    const themes = keywords.map((terms, theme): ThemeToName => {
      const members = comments.filter(({ cluster }) => cluster === theme);
      return {
        keywords: terms,
        representatives: members.slice(0, 8).map(({ id, text }) => ({ responseId: `${id}`, text })),
        size: members.length,
      };
    });
    const { names, stats, notes } = await name(themes);
    expect(names.map((each) => each.name)).toEqual([
      'Events, art',
      'Nashville, public transit',
      'Parking, Downtown',
      expect.stringMatching(/^[A-Z]/u),
    ]);
    expect(names[2]?.description).toMatch(/^Answers about parking, Downtown and \S+\.$/u);
    for (const { quotes } of names) {
      expect(quotes.length).toBeGreaterThan(0);
      for (const { responseId, quote } of quotes) expect(comments.find(({ id }) => `${id}` === responseId)?.text).toContain(quote);
    }
    expect(stats).toMatchObject({ provider: 'local', model: 'local', promptVersion: '1 (rules 1)', inputTokens: 0, costUsd: 0, quotesDropped: 0 });
    expect(notes).toEqual([]);
    expect(await name(themes)).toEqual({ names, stats, notes });
  });

  it.each([
    ['positive', ['I love the new library!', 'The library is wonderful', 'Great staff at the library']],
    ['negative', ['The parking is terrible', 'I hate the parking garage', 'Awful, always full, too expensive']],
    ['neutral', ['There is a library on Main Street', 'The library has two floors', 'It opens at nine']],
    ['mixed', ['I love the new library!', 'I hate the new library', 'A terrible, ugly building', 'Wonderful, great library']],
    ['negative', ['Das Essen ist schrecklich und teuer', 'Leider sehr schlecht, schmutzig', 'Der Service war furchtbar']],
  ])('hears that answers are %s', async (sentiment, texts) => {
    const { names } = await name([themeOf(['library'], texts)]);
    expect(names[0]?.sentiment).toBe(sentiment);
  });

  it('takes more keywords where a name is taken', async () => {
    const one = themeOf(['parking', 'downtown', 'garage'], ['a b c']);
    const { names } = await name([one, one, themeOf(['iPhone'], ['d e f'])], ['IPHONE']);
    expect(names.map((each) => each.name)).toEqual(['Parking, downtown', 'Parking, downtown, garage', 'iPhone (d)']);
  });

  it('names a theme without keywords by its first answer', async () => {
    const { names } = await name([themeOf([], ['👍 👍 yes'])]);
    expect(names[0]).toMatchObject({ name: '👍 👍 yes', description: 'Answers without words in common.', sentiment: 'positive' });
  });

  it('quotes a sentence of a long answer that holds a keyword', async () => {
    const long = `${'First of all, thank you for asking us about the town. '.repeat(4)}What we need is parking. ${'And so on and so forth, as people say. '.repeat(9)}`;
    const { names } = await name([themeOf(['parking'], [long, `${'word '.repeat(300)}`])]);
    expect(names[0]?.quotes[0]?.quote).toBe('What we need is parking');
    expect(long).toContain(names[0]?.quotes[0]?.quote);
    expect(names[0]?.quotes[1]?.quote.length).toBeLessThanOrEqual(200);
  });
});
