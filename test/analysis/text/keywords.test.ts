import { describe, expect, it } from 'vitest';
import { keywordsOf } from '../../../lib/analysis/text/keywords.ts';
import comments from '../../fixtures/conversations/bowling-green.json' with { type: 'json' };

/** Texts by cluster; the terms of each, best first. */
function termsOf(clusters: readonly (readonly string[])[], perTheme = 8, outliers: readonly string[] = []): string[][] {
  const texts = [...clusters.flat(), ...outliers];
  const labels = Int32Array.from([...clusters.flatMap((each, index) => each.map(() => index)), ...outliers.map(() => -1)]);
  return keywordsOf(texts, labels, clusters.length, perTheme).map((keywords) => keywords.map(({ term }) => term));
}

describe('keywords of a real conversation', () => {
  const keywords = keywordsOf(
    comments.map(({ text }) => text),
    Int32Array.from(comments, ({ cluster }) => cluster),
    4,
    8,
  );

  it.each([
    [0, ['events', 'music', 'art', 'history']],
    [1, ['public transit', 'Nashville']],
    [2, ['parking', 'Downtown']],
    [3, ['schools', 'wellness', 'programs']],
  ])('say what theme %i is about', (theme, terms) => {
    expect(keywords[theme]?.map(({ term }) => term)).toEqual(expect.arrayContaining(terms));
  });

  it('are scored from 1 downwards', () => {
    for (const theme of keywords) {
      expect(theme).toHaveLength(8);
      expect(theme[0]?.score).toBe(1);
      const scores = theme.map(({ score }) => score);
      expect(scores).toEqual(scores.toSorted((one, other) => other - one));
      expect(Math.min(...scores)).toBeGreaterThan(0);
    }
  });

  it('hold no stop words, and no word twice', () => {
    for (const theme of keywords) {
      const words = theme.flatMap(({ term }) => term.toLowerCase().split(' '));
      expect(words.filter((word) => ['the', 'and', 'we', 'would', 'should', 'more', "don't", 'like'].includes(word))).toEqual([]);
      const phrases = theme.filter(({ term }) => term.includes(' ')).flatMap(({ term }) => term.split(' '));
      expect(theme.filter(({ term }) => phrases.includes(term))).toEqual([]);
    }
  });

  it('are the same each time', () => {
    const texts = comments.map(({ text }) => text);
    const labels = Int32Array.from(comments, ({ cluster }) => cluster);
    expect(keywordsOf(texts, labels, 4, 8)).toEqual(keywords);
  });
});

describe('keywords', () => {
  it('follow class-based TF-IDF', () => {
    // Terms: 2 + 2 in cluster 0, 2 + 1 in cluster 1, so A = 3.5; f(apple) = 2, f(pear) = 3, f(plum) = 2; each answer holds a word once.
    const texts = ['apple, pear', 'apple, pear', 'pear, plum', 'plum'];
    const [first, second] = keywordsOf(texts, Int32Array.from([0, 0, 1, 1]), 2, 3);
    const score = (tf: number, f: number) => tf * Math.log(1 + 3.5 / f);
    expect(first?.map(({ term }) => term)).toEqual(['apple', 'pear']);
    expect(first?.[1]?.score).toBeCloseTo(score(2, 3) / score(2, 2), 3);
    expect(second?.map(({ term }) => term)).toEqual(['plum', 'pear']);
    expect(second?.[1]?.score).toBeCloseTo(score(1, 3) / score(2, 2), 3);
  });

  it('count an answer once, however often it repeats a word', () => {
    const [terms] = termsOf([['spam '.repeat(500), 'parking is expensive', 'parking is full', 'expensive parking']]);
    expect(terms?.[0]).toBe('parking');
  });

  it('name a phrase instead of its words', () => {
    const [wages] = termsOf([
      ['The minimum wage is too low', 'Raise the minimum wage', 'A minimum wage of $15', '$15 an hour'],
      ['Robots take jobs', 'Jobs go to robots'],
    ]);
    expect(wages).toContain('minimum wage');
    expect(wages).toContain('$15');
    expect(wages).not.toContain('minimum');
    expect(wages).not.toContain('wage');
  });

  it('make no phrase across marks and stop words', () => {
    const [terms] = termsOf([['Buses, trains. Schools of music', 'Buses, trains. Schools of music', 'Buses, trains. Schools of music']]);
    expect(terms?.toSorted()).toEqual(['Buses', 'Schools', 'music', 'trains']);
  });

  it('count plurals with their singular and show what is written mostly', () => {
    const [terms] = termsOf([['a park by the river', 'the parks are clean', 'parks and cities', 'every city', 'news', 'new']]);
    expect(terms).toEqual(expect.arrayContaining(['parks', 'news']));
    expect(terms).not.toContain('park');
    expect(terms?.filter((term) => /^cit/u.test(term))).toHaveLength(1);
  });

  it('know a capital letter that only opens a sentence from a name', () => {
    const [terms] = termsOf([['Parking is hard. Go to Nashville', 'Parking again', 'the parking in Nashville', 'In Nashville?']]);
    expect(terms).toEqual(expect.arrayContaining(['parking', 'Nashville']));
  });

  it('leave out addresses and codes', () => {
    const [terms] = termsOf([['see https://example.org/parking-plan', 'me@example.org', `x${'0'.repeat(60)}`, 'bus']]);
    expect(terms).toEqual(['bus']);
  });

  it('weigh words of outliers as common ones', () => {
    const clusters = [['quiet streets', 'quiet streets', 'loud trains', 'loud trains']];
    const outliers = ['loud bar', 'loud music', 'loud neighbours', 'loud bar', 'loud music'];
    expect(termsOf(clusters, 4)[0]?.[0]).toBe('quiet streets');
    expect(termsOf(clusters, 8, outliers)[0]).toContain('loud trains');
    expect(termsOf(clusters, 8, outliers)[0]).not.toContain('loud');
  });

  it('are none where there are no words', () => {
    expect(termsOf([['…', '!!'], ['the', 'and of'], []])).toEqual([[], [], []]);
    expect(keywordsOf([], new Int32Array(), 0, 5)).toEqual([]);
  });
});

describe('keywords in other languages', () => {
  it.each<[string, string[][], string[][], string[]]>([
    [
      'German',
      [
        ['Es gibt zu wenige Parkplätze in der Innenstadt.', 'Die Parkplätze sind viel zu teuer', 'Am Bahnhof sind alle Parkplätze voll'],
        ['Der Bus fährt zu selten', 'Ich wünsche mir, dass der Bus öfter kommt', 'Der Bus ist nie pünktlich und die Fahrer sind unfreundlich'],
      ],
      [['Parkplätze'], ['Bus']],
      ['der', 'die', 'ist', 'zu', 'sind', 'dass', 'ich'],
    ],
    [
      'Spanish',
      [
        ['Faltan plazas de aparcamiento en el centro', 'El aparcamiento es muy caro', 'No hay aparcamiento para los vecinos'],
        ['El transporte público llega tarde', 'Más autobuses de noche', 'El transporte público es caro y los autobuses van llenos'],
      ],
      [['aparcamiento'], ['transporte público', 'autobuses']],
      ['el', 'es', 'muy', 'los', 'hay', 'más', 'transporte'],
    ],
    [
      'Japanese',
      [
        ['駅前の駐車場がいつも満車です。', '駐車場の料金が高すぎる', '駐車場をもっと増やしてほしい'],
        ['バスの本数が少ないので不便です', 'バスが遅れることが多い', '夜のバスを増やしてください'],
      ],
      [['駐車場'], ['バス']],
      ['の', 'が', 'です', 'ください', 'もっと', '駐車'],
    ],
    [
      'Chinese',
      [
        ['停车场太少了，周末根本找不到车位', '停车场收费太高', '我觉得停车场的收费不合理'],
        ['地铁太挤了', '早高峰的地铁人太多', '希望地铁票价能降低'],
      ],
      [['停车场', '收费'], ['地铁']],
      ['的', '了', '太', '我', '觉得'],
    ],
    [
      'Russian',
      [
        ['Мало парковок в центре города', 'Парковка у вокзала слишком дорогая', 'Нужна парковка для жителей, и парковка бесплатная'],
        ['Автобус ходит редко', 'Я хочу, чтобы автобус ходил ночью', 'Автобус не приходит вовремя'],
      ],
      [['парковка'], ['автобус']],
      ['в', 'не', 'и', 'для', 'чтобы'],
    ],
  ])('%s: the words that matter, without its stop words', (_, clusters, expected, stopWords) => {
    const found = termsOf(clusters).map((terms) => terms.map((term) => term.toLowerCase()));
    expected.forEach((terms, cluster) => {
      expect(found[cluster]).toEqual(expect.arrayContaining(terms.map((term) => term.toLowerCase())));
    });
    expect(found.flat().filter((term) => stopWords.includes(term))).toEqual([]);
  });

  it('each answer is read in its own', () => {
    // "die" and "war" are stop words in German alone.
    const [terms] = termsOf([
      ['People die in a war', 'They die in that war', 'Das Haus war alt, und die Tür war kaputt', 'Es war nicht die Frage, wie teuer das Haus ist'],
    ]);
    expect(terms).toEqual(expect.arrayContaining(['die', 'war', 'Haus']));
    const [german] = termsOf([
      ['Das Haus war alt, und die Tür war kaputt', 'Es war nicht die Frage, wie teuer das Haus ist', 'Die Küche im Haus war kalt'],
    ]);
    expect(german).not.toEqual(expect.arrayContaining(['war']));
  });
});

describe('keywords of many answers', () => {
  it('20,000 long ones take a fraction of a minute and little memory', () => {
    const texts = Array.from({ length: 20_000 }, (_, index) => {
      const [one, other] = [comments[index % comments.length], comments[(index * 7 + 3) % comments.length]];
      return `${one?.text} ${other?.text} word${index} other${(index * 31) % 9_973}`;
    });
    const labels = Int32Array.from(texts, (_, index) => comments[index % comments.length]?.cluster ?? -1);
    const before = process.memoryUsage();
    const keywords = keywordsOf(texts, labels, 4, 10);
    const after = process.memoryUsage();
    expect(keywords.map(({ length }) => length)).toEqual([10, 10, 10, 10]);
    expect(keywords.flat().filter(({ term }) => /^(?:word|other)\d/u.test(term))).toEqual([]);
    expect((after.rss - before.rss) / 1e6).toBeLessThan(300);
  });
});
