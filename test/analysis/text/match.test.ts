import { describe, expect, it } from 'vitest';
import { matchThemes } from '../../../lib/analysis/text/match.ts';
import type { Theme } from '../../../lib/db/conversation-types.ts';

function theme(id: string, renamedAt: string | null = null): Theme {
  return {
    id,
    conversationId: 'c',
    name: id,
    description: '',
    keywords: [],
    size: 0,
    responses: 0,
    share: 0,
    sentiment: 'neutral',
    sentimentScore: 0,
    representatives: [],
    quotes: [],
    x: null,
    y: null,
    position: 0,
    stability: null,
    renamedAt,
    createdAt: '',
    updatedAt: '',
  };
}

/** One letter for each answer's theme before (`-` = none) and one digit for its cluster now (`-` = outlier). */
function match(before: string, now: string, themes: readonly Theme[]) {
  const previous = [...before].map((letter) => (letter === '-' ? null : letter));
  const labels = Int32Array.from(now, (digit) => (digit === '-' ? -1 : Number(digit)));
  const k = Math.max(-1, ...labels) + 1;
  return matchThemes({ previous, labels, k, themes }).map((matched) => matched?.id);
}

const A = theme('A');
const B = theme('B');
const renamedA = theme('A', '2026-11-22');

describe('themes of the analysis before', () => {
  it.each<[string, string, string, Theme[], (string | undefined)[]]>([
    ['are found again under other numbers', 'AAABBB', '111000', [A, B], ['B', 'A']],
    ['are not there at the first analysis', '------', '000111', [], [undefined, undefined]],
    ['stay when new answers come', 'AAA---', '000000', [A], ['A']],
    ['leave new groups without one', 'AAA---', '000111', [A], ['A', undefined]],
    ['go with the larger part when they fall apart', 'AAAAAAAAAA', '0000000111', [A], ['A', undefined]],
    ['go to one of two equal halves', 'AAAA', '0011', [A], ['A', undefined]],
    ['give the larger one its place when two become one', 'AAAAABBB', '00000000', [A, B], ['A']],
    ['are gone when their answers are scattered', 'AAAAAA', '001122', [A], [undefined, undefined, undefined]],
    ['are gone when little is left of them', 'AAAAAAAA', '00------', [A], [undefined]],
    ['are gone when they make a small part of a group', 'ABBBBB', '000000', [A], ['A']],
    ['that no longer exist are no themes', 'XXXAAA', '000111', [A], [undefined, 'A']],
  ])('%s', (_, before, now, themes, expected) => {
    expect(match(before, now, themes)).toEqual(expected);
  });

  it('keep a name that a user gave with less in common', () => {
    // 3 of 10 answers: .3
    expect(match('AAAAAAAAAA', '000-------', [A])).toEqual([undefined]);
    expect(match('AAAAAAAAAA', '000-------', [renamedA])).toEqual(['A']);
    expect(match('AAAAAAAAAA', '00--------', [renamedA])).toEqual([undefined]);
  });

  it('prefer the name that a user gave where both have as much in common', () => {
    expect(match('AAABBB', '000000', [B, renamedA])).toEqual(['A']);
  });
});

describe('the matching', () => {
  /** A small generator of our own: the same cases on every machine. */
  const cases = Array.from({ length: 300 }, (_, seed) => {
    let state = seed * 2_654_435_761 + 12_345;
    const next = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((state / 2_147_483_648) * below);
    };
    const count = 5 + next(60);
    const k = 1 + next(6);
    const themes = Array.from({ length: 1 + next(6) }, (_, index) => theme(`T${index}`, next(3) === 0 ? 'by a user' : null));
    // Most answers stay with theirs, so that overlaps are worth something.
    const previous = Array.from({ length: count }, () => (next(8) === 0 ? null : `T${next(themes.length)}`));
    const labels = Int32Array.from(previous, (id) => (id !== null && next(3) > 0 ? Number(id.slice(1)) % k : next(k + 1) - 1));
    return { previous, labels, k, themes };
  });

  const overlapOf = ({ previous, labels }: (typeof cases)[number], id: string, cluster: number): number => {
    const known = previous.flatMap((old, index) => (old === null ? [] : [{ old, label: labels[index] }]));
    const both = known.filter(({ old, label }) => old === id && label === cluster).length;
    const either = known.filter(({ old, label }) => old === id || label === cluster).length;
    return either === 0 ? 0 : both / either;
  };

  it('is one to one and stable: no cluster and theme have more in common with each other than with what they got', () => {
    let pairs = 0;
    for (const each of cases) {
      const matched = matchThemes(each).map((found) => found?.id);
      const used = matched.filter((id) => id !== undefined);
      expect(new Set(used).size).toBe(used.length);
      pairs += used.length;
      for (const { id, renamedAt } of each.themes) {
        const own = matched.indexOf(id);
        const ofTheme = own < 0 ? 0 : overlapOf(each, id, own);
        for (let cluster = 0; cluster < each.k; cluster += 1) {
          const overlap = overlapOf(each, id, cluster);
          const other = matched[cluster];
          const ofCluster = other === undefined ? 0 : overlapOf(each, other, cluster);
          const eligible = overlap >= (renamedAt === null ? 0.4 : 0.25);
          expect(eligible && overlap > ofTheme && overlap > ofCluster).toBe(false);
        }
      }
    }
    expect(pairs).toBeGreaterThan(200);
  });

  it('does not depend on the order of the themes, unless two have exactly as much in common', () => {
    for (const each of cases) {
      const values = each.themes.flatMap(({ id }) => Array.from({ length: each.k }, (_, cluster) => overlapOf(each, id, cluster)));
      const positive = values.filter((value) => value > 0);
      if (new Set(positive).size < positive.length) continue;
      const reversed = { ...each, themes: each.themes.toReversed() };
      expect(matchThemes(reversed).map((found) => found?.id)).toEqual(matchThemes(each).map((found) => found?.id));
    }
  });
});
