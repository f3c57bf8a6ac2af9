import { describe, expect, it } from 'vitest';
import { didYouMean } from '../../cli/did-you-mean.ts';
import { columns, record } from '../../cli/table.ts';
import { absolute, parseDuration, parseTime, relative } from '../../cli/time.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');

it.each([
  ['250ms', 250],
  ['90s', 90_000],
  ['1.5h', 5_400_000],
  ['1h30m', 5_400_000],
  ['7d', 604_800_000],
  ['2w', 1_209_600_000],
  ['2', undefined],
  ['h', undefined],
  ['-2h', undefined],
  ['2 h', undefined],
])('the duration %s is %s ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

it.each([
  ['2h', '2026-11-22T10:00:00.000Z'],
  ['2026-11-22', '2026-11-22T00:00:00.000Z'],
  ['2026-11-22T06:30', '2026-11-22T06:30:00.000Z'],
  ['2026-11-22 06:30:15', '2026-11-22T06:30:15.000Z'],
  ['2026-11-22T06:30+02:00', '2026-11-22T04:30:00.000Z'],
  ['2026-13-01', undefined],
  ['22.11.2026', undefined],
  ['', undefined],
])('the time %s is %s', (text, iso) => {
  expect(parseTime(text, NOW)).toBe(iso);
});

it('times are shown as such and by how long ago they were', () => {
  expect(absolute('2026-11-22T11:57:00.123Z', NOW)).toBe('2026-11-22 11:57:00Z (3 min ago)');
  expect(['11:59:30', '10:00:00', '14:00:00', '12:00:00'].map((time) => relative(`2026-11-22T${time}Z`, NOW))).toEqual([
    '30 s ago',
    '2 h ago',
    'in 2 h',
    'now',
  ]);
  expect(relative('2026-11-12T12:00:00Z', NOW)).toBe('10 days ago');
});

describe('tables', () => {
  it('align words to the left and numbers to the right, and cut at the edge of a window only', () => {
    const rows = [
      ['queue', 'waiting', 'error'],
      ['review-ai', '7', 'a long story'],
    ];
    expect(columns(rows, { numeric: [1] })).toBe('queue      waiting  error\nreview-ai        7  a long story');
    expect(columns(rows, { numeric: [1], width: 26 })).toBe('queue      waiting  error\nreview-ai        7  a lon…');
  });

  it('let nothing that comes from outside move the cursor or break a line', () => {
    expect(columns([['\u001b[31mred\u001b[0m\nnext\u0007', 'x']])).toBe('red next  x');
    expect(
      record([
        ['error', 'one\ntwo\u001b]0;title\u0007'],
        ['none', undefined],
        ['a', 'b'],
      ]),
    ).toBe('error  one\n       two\na      b');
  });
});

it('a known word is suggested for a slip or a beginning of it, and none for a stranger', () => {
  const known = ['stats', 'dead-letters', 'doctor'];
  expect(['stast', 'STATS', 'dead', 'docter', 'enqueue', 'd'].map((typed) => didYouMean(typed, known))).toEqual([
    ' Did you mean stats?',
    ' Did you mean stats?',
    ' Did you mean dead-letters?',
    ' Did you mean doctor?',
    '',
    '',
  ]);
});
