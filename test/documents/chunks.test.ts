import { describe, expect, it } from 'vitest';
import { createRandom } from '../../lib/analysis/umap/random.ts';
import { chunk } from '../../lib/documents/chunks.ts';
import type { Chunk, ReadBlock } from '../../lib/documents/contract.ts';

const text = (words: string, page = 1): ReadBlock => ({ page, kind: 'text', text: words });
const heading = (title: string, level = 1, page = 1): ReadBlock => ({ page, kind: 'heading', level, text: title });
const table = (rows: number, page = 1): ReadBlock => ({
  page,
  kind: 'table',
  text: Array.from({ length: rows }, (_, row) => `Item ${row} | 12.50 | due`).join('\n'),
});
/** A sentence of as many tokens. */
const words = (tokens: number, word = 'word'): string => `${Array.from({ length: tokens - 2 }, () => word).join(' ')} end.`;
const startsOf = (blocks: ReadBlock[], options?: Parameters<typeof chunk>[1]): string[] =>
  chunk(blocks, options).map((each) => each.text.slice(0, 12));

describe('where chunks end', () => {
  it('a heading goes with what follows it, and is a better place than the end of a clause', () => {
    const blocks = [heading('Leases'), text(words(60)), text(`1. ${words(50)}`), heading('Claims'), text(words(70)), text(words(60))];
    const chunks = chunk(blocks, { target: 120 });
    expect(chunks.map((each) => each.text.split('\n')[0])).toEqual(['Leases', 'Claims']);
    expect(chunks.map(({ section }) => section)).toEqual([['Leases'], ['Claims']]);
  });

  it('a long heading does not stand alone either', () => {
    const title = words(20, 'Representations');
    const blocks = [heading(title), text(words(90)), text(words(90)), heading(title, 2), heading(title, 3), text(words(90))];
    for (const { text: all } of chunk(blocks, { target: 120 })) expect(all.endsWith(title)).toBe(false);
  });

  it('a clause stays with its items as long as it fits', () => {
    const item = (mark: string) => text(`${mark} ${words(30)}`);
    const blocks = [
      item('7.1'),
      item('(a)'),
      item('(b)'),
      item('7.2'),
      item('(a)'),
      item('(i)'),
      item('(ii)'),
      item('(b)'),
      item('7.3'),
      item('(a)'),
    ];
    expect(startsOf(blocks, { target: 160 }).map((start) => start.slice(0, 3))).toEqual(['7.1', '7.2', '7.3']);
    // Too long to stay whole: between its items, not inside of one.
    expect(startsOf(blocks, { target: 80 }).every((start) => /^(?:7\.\d|\([abi]+\)) /.test(start))).toBe(true);
  });

  it('clauses that a reader gave as one block are found in it', () => {
    const clauses = ['Section 4. Term', '4.1 ', '4.2 ', 'Section 5. Assignment', '5.1 '].map((mark) => `${mark} ${words(40)}`);
    expect(startsOf([text(clauses.join('\n'))], { target: 140 })).toEqual(['Section 4. T', 'Section 5. A']);
  });

  it('a paragraph without clauses ends at the end of a sentence, which no abbreviation is', () => {
    const sentences = Array.from({ length: 20 }, (_, index) => `Acme Inc. and Mr. Smith agreed on point ${index} under No. 5 of the plan.`);
    const chunks = chunk([text(sentences.join(' '))], { target: 60 });
    expect(chunks.length).toBeGreaterThan(3);
    for (const each of chunks) expect(each.text).toMatch(/^Acme Inc\. .* of the plan\.$/);
  });

  it('a table stays whole up to the bound, and is cut between rows beyond', () => {
    const small = chunk([text(words(60)), table(12), text(words(60))], { target: 120, bound: 180 });
    expect(small.filter(({ text: all }) => all.includes('Item')).length).toBe(1);
    const large = chunk([table(200)], { target: 120, bound: 180 });
    expect(large.length).toBeGreaterThan(5);
    expect(new Set(large.map(({ kind }) => kind))).toEqual(new Set(['table']));
    for (const each of large) expect(each.text).toMatch(/^Item \d+ \| .*\| due$/s);
  });

  it('what two sections share is told as the section of a chunk that holds both', () => {
    const [only] = chunk([heading('Lease'), heading('Rent', 2), text('Ten.'), heading('Term', 2), text('Two years.')]);
    expect(only).toMatchObject({ section: ['Lease'], kind: 'text' });
    expect(chunk([heading('Lease'), heading('Rent', 2), text('Ten.')])[0]?.section).toEqual(['Lease', 'Rent']);
  });

  it('an empty document has none', () => {
    expect(chunk([])).toEqual([]);
    expect(chunk([text('  \n ')])).toEqual([]);
  });
});

/** Documents of every shape: headings, clauses, tables, long words, other scripts, pages that begin anywhere. */
function anyDocument(seed: number): ReadBlock[] {
  const random = createRandom(seed);
  const pick = <T>(items: readonly T[]): T => items[random.below(items.length)] as T;
  const vocabulary = [
    'the',
    'Buyer',
    'shall',
    'pay',
    'e.g.',
    'No.',
    '1,250',
    'Größe',
    '契約書。',
    '🏢🏗️',
    '(a)',
    '7.2',
    'x'.repeat(pick([5, 40, 900])),
  ];
  const sentence = () =>
    `${Array.from({ length: 1 + random.below(40) }, () => pick(vocabulary)).join(pick([' ', ' ', '\n', '  ']))}${pick(['.', ';', '。', ''])}`;
  const paragraph = () => Array.from({ length: 1 + random.below(8) }, sentence).join(pick([' ', '\n', '\n\n']));
  let page = 1;
  return Array.from({ length: random.below(40) }, (): ReadBlock => {
    page += pick([0, 0, 1, 2]);
    const kind = pick(['text', 'text', 'text', 'heading', 'table'] as const);
    if (kind === 'heading') return { page, kind, level: 1 + random.below(4), text: sentence() };
    return {
      page,
      kind,
      text: `${pick(['', ' \n', '7. ', '(b) '])}${kind === 'table' ? table(random.below(60)).text : paragraph()}${pick(['', '\n '])}`,
    };
  });
}

const unspaced = (all: string): string => all.replace(/\s/gu, '');

describe('any document', () => {
  const documents = Array.from({ length: 60 }, (_, seed) => ({ blocks: anyDocument(seed), options: { target: 20 + 10 * (seed % 12) } }));

  it('is all there, in order and once, when its chunks are joined', () => {
    for (const { blocks, options } of documents) {
      const joined = textsOf(chunk(blocks, options)).join('\n\n');
      const whole = blocks.flatMap((block) => block.text.trim() || []).join('\n\n');
      expect(unspaced(joined) === unspaced(whole)).toBe(true);
      expect(textsOf(chunk(blocks, { target: 1e9 })).join('')).toBe(whole);
    }
  });

  it('has no chunk that is empty, not trimmed, beyond the bound, or ends inside a character', () => {
    const wrong = documents.flatMap(({ blocks, options: { target } }) =>
      chunk(blocks, { target }).filter(({ text: all, tokens }) => all === '' || all.trim() !== all || !all.isWellFormed() || tokens > 1.5 * target),
    );
    expect(wrong).toEqual([]);
  });

  it('has its pages where they are, for every place in it', () => {
    for (const { blocks, options } of documents) {
      const truth = blocks.flatMap((block) => Array.from(block.text.matchAll(/\S/gu), () => block.page));
      const told = chunk(blocks, options).flatMap(({ text: all, spans }) =>
        Array.from(all.matchAll(/\S/gu), ({ index }) => spans.findLast(({ start }) => start <= index)?.page),
      );
      expect(told.join()).toBe(truth.join());
    }
  });

  it('is cut the same way each time, however much comes after', () => {
    const [some, more] = [20, 60].map((count) => documents.slice(0, count).flatMap(({ blocks }) => blocks));
    const chunks = chunk(some ?? []);
    expect(chunk(some ?? [])).toEqual(chunks);
    // The last ones know that nothing follows.
    expect(chunk(more ?? []).slice(0, chunks.length - 3)).toEqual(chunks.slice(0, -3));
  });
});

const textsOf = (chunks: readonly Chunk[]): string[] => chunks.map((each) => each.text);
