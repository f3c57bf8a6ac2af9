import { describe, expect, it } from 'vitest';
import { cleanText, textWidth, wrapText } from '../../../lib/analysis/map/words.ts';

const face = { fontSize: 14 };

describe('words on a map', () => {
  it.each([
    ['short', 'Buses', ['Buses']],
    ['broken between words', 'More buses at night, please', ['More buses at', 'night, please']],
    ['an opening bracket goes with its word', 'Buses at night (trams too)', ['Buses at night', '(trams too)']],
    ['broken inside a word that fills a line', 'Donaudampfschifffahrt', ['Donaudampfsc', 'hifffahrt']],
    ['cut at a word', 'More buses at night and more trains by day', ['More buses at', 'night and…']],
    ['cut where there are no spaces', 'x'.repeat(60), [`${'x'.repeat(13)}`, `${'x'.repeat(12)}…`]],
    ['nothing', '', ['']],
    ['spaces', ' \n\t ', ['']],
  ])('%s', (_, text, lines) => {
    const wrapped = wrapText(text, { ...face, width: 105, lines: 2 });
    expect(wrapped).toEqual(lines);
    for (const line of wrapped) expect(textWidth(line, face)).toBeLessThanOrEqual(105);
  });

  it('keeps signs of several code points whole', () => {
    const family = '👩‍👩‍👧‍👦';
    expect(wrapText(family.repeat(20), { ...face, width: 60, lines: 1 })).toEqual([`${family.repeat(3)}…`]);
  });

  it('keeps the ellipsis of a line that runs from right to left at its end', () => {
    const [line = ''] = wrapText('مواقف السيارات والنقل العام في وسط المدينة', { ...face, width: 140, lines: 1 });
    expect(line.endsWith('…\u{200F}')).toBe(true);
  });

  it('breaks Japanese between words', () => {
    expect(wrapText('駅前の駐車場と公共交通機関', { ...face, width: 105, lines: 2 })).toHaveLength(2);
  });

  it.each([
    ['control characters', 'a\u{0}b\u{8}c\u{1b}[31m', 'a b c [31m'],
    ['line breaks', 'a\r\n b', 'a b'],
    ['overrides of the direction', 'a\u{202E}b\u{2066}c', 'a b c'],
    ['half of a pair', 'a\u{d83d}', 'a'],
    ['what XML has no place for', 'a\u{FFFE}\u{FFFF}', 'a'],
  ])('takes out %s', (_, text, cleaned) => {
    expect(cleanText(text)).toBe(cleaned);
  });
});
