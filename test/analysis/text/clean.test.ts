import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { cleanedText, createCollector, foldedWords, isEmpty } from '../../../lib/analysis/text/clean.ts';
import type { Answer } from '../../../lib/db/conversation-types.ts';

function row(position: number, text: string, themeId: string | null = null): Answer {
  return { id: `row-${position}`, position, text, themeId, x: null, y: null, cluster: null, duplicateOf: null, externalId: null };
}

function collect(texts: readonly string[]) {
  const collector = createCollector();
  collector.add(texts.map((text, index) => row(index + 1, text)));
  return collector.finish();
}

describe('two answers say the same', () => {
  it.each([
    ['in another case', 'More parking', 'MORE PARKING'],
    ['with other white space', 'More  parking', ' More\u00a0\n\tparking '],
    ['with marks at the ends', '- "More parking!!!"', 'more parking'],
    ['in full-width letters', 'Ｍｏｒｅ ｐａｒｋｉｎｇ', 'more parking'],
    ['with composed accents', 'Caf\u00e9', 'cafe\u0301'],
    ['with ß and ss', 'Straße', 'STRASSE'],
    ['with characters nobody sees', 'par\u00adking\u200b', '\u202eparking\u202c'],
    ['with a ligature', 'ofﬁce', 'office'],
    ['with an emoji in both ways', '❤️', '❤'],
    ['in Japanese with other marks', '駐車場が足りない。', '駐車場が足りない'],
  ])('%s', (_, one, other) => {
    expect(collect([one, other])).toMatchObject({ answers: 2, duplicates: 1, empty: 0 });
  });

  it('and beyond the first hundred characters', () => {
    const long = 'The bus to the station is late every morning. '.repeat(4);
    expect(collect([long, `${long.toUpperCase()} !`, `${long}Really`]).distinct).toHaveLength(2);
  });
});

describe('two answers differ', () => {
  it.each([
    ['by a sign that carries meaning', '100%', '100'],
    ['by a minus', '-5', '5'],
    ['by a plus', 'C++', 'C'],
    ['by an emoji', 'great', 'great 👎'],
    ['by a mark inside', 'we re', "we're"],
    ['by an accent', 'si', 'sí'],
  ])('%s', (_, one, other) => {
    expect(collect([one, other]).distinct).toHaveLength(2);
  });
});

describe('an answer says nothing', () => {
  it.each(['', '  ', '-', '.', '???', '…', '(—)', '\u200b\u202e', '\ufffd\ufffd', 'n/a', 'N/A.', '#N/A', 'n. a.', 'k. A.', ':)'])('"%s"', (text) => {
    expect(collect([text])).toMatchObject({ answers: 1, empty: 1, distinct: [], places: [], duplicates: 0 });
  });
});

describe('a short answer is one', () => {
  it.each(['no', 'None', 'nothing', 'idk', 'NA', '5', 'A', '👍', '🇫🇷', '★★★', '✓', '否', 'null', 'na ja'])('"%s"', (text) => {
    expect(isEmpty(foldedWords(text))).toBe(false);
  });
});

describe('what is embedded', () => {
  it.each([
    ['keeps case and marks', ' Why  NOT\n\nmore buses? ', 'Why NOT more buses?'],
    ['is without invisible characters', 'a\u0000b\u202ec\u{e0041}d\ud800e', 'abcde'],
    ['keeps what shapes emoji and letters', '👩‍👧 می‌خواهم', '👩‍👧 می‌خواهم'],
  ])('%s', (_, text, cleaned) => {
    expect(cleanedText(text)).toBe(cleaned);
  });
});

describe('a collector', () => {
  it('counts each distinct answer once and knows the place of every row', () => {
    const collector = createCollector();
    collector.add([row(1, 'More buses'), row(2, '—'), row(3, 'more buses!', 'theme-1'), row(4, ' Parks ')]);
    collector.add([row(5, 'parks', 'theme-2'), row(6, 'MORE BUSES', 'theme-9')]);
    expect(collector.finish()).toEqual({
      distinct: [
        { id: 'row-1', text: 'More buses', cleaned: 'More buses', count: 3, previousThemeId: 'theme-1' },
        { id: 'row-4', text: ' Parks ', cleaned: 'Parks', count: 2, previousThemeId: 'theme-2' },
      ],
      places: [
        { id: 'row-1', distinct: 0 },
        { id: 'row-3', distinct: 0 },
        { id: 'row-4', distinct: 1 },
        { id: 'row-5', distinct: 1 },
        { id: 'row-6', distinct: 0 },
      ],
      answers: 6,
      empty: 1,
      duplicates: 3,
    });
  });

  it('answers a conversation without answers', () => {
    expect(createCollector().finish()).toEqual({ distinct: [], places: [], answers: 0, empty: 0, duplicates: 0 });
  });

  it('is not held up by an endless row of marks', () => {
    const marks = '.'.repeat(200_000);
    const { distinct } = collect([`${marks}a${marks}b${marks}`, ' '.repeat(200_000)]);
    expect(distinct).toHaveLength(1);
  });

  it('takes 50,000 answers a page at a time and gives way to the event loop after each', async () => {
    const collector = createCollector();
    const delays = monitorEventLoopDelay({ resolution: 5 });
    delays.enable();
    for (let page = 0; page < 50; page += 1) {
      collector.add(Array.from({ length: 1_000 }, (_, index) => row(index, `Answer ${(page * 1_000 + index) % 40_000}: ${WORDS}`)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    delays.disable();
    const { answers, duplicates } = collector.finish();
    expect({ answers, duplicates }).toEqual({ answers: 50_000, duplicates: 10_000 });
    // Per page about 15 ms here; the bound only says that no page is like all of them.
    expect(delays.percentile(50) / 1e6).toBeLessThan(250);
  });
});

const WORDS =
  'I would like to see more frequent buses in the evening, and a bus lane on Main Street, because the traffic is getting worse every year.';
