import { describe, expect, it } from 'vitest';
import { chunk } from '../../lib/documents/chunks.ts';
import { languageOf } from '../../lib/documents/language.ts';
import { createQuoteFinder, documentText, findQuote } from '../../lib/documents/text.ts';

const CONTRACT =
  'The “Supplier” may not assign this Agree-\nment without the   prior written consent — not to be unreasonably\nwithheld — of the Customer’s board. ' +
  'The ﬁnal Café lease of 1 May 2019–2021 ends. The prior consent may be given by e-mail.';

describe('a quote', () => {
  it.each([
    ['as it stands', 'written consent', 'written consent'],
    ['across a line break and a hyphen', 'assign this Agreement without the prior written', 'assign this Agree-\nment without the   prior written'],
    ['with straight quotation marks', `the "Supplier" may not assign`, 'The “Supplier” may not assign'],
    ['put in quotation marks', '“may not assign this”', 'may not assign this'],
    ['with an apostrophe of another kind', "the Customer's board", 'the Customer’s board'],
    ['with other dashes', 'consent - not to be unreasonably withheld -- of the', 'consent — not to be unreasonably\nwithheld — of the'],
    ['with a capital at its beginning', 'May not assign this Agreement', 'may not assign this Agree-\nment'],
    ['with ligatures and accents written otherwise', 'final Cafe\u0301 lease', 'ﬁnal Café lease'],
    ['whose first place is inside another word', 'prior consent may be', 'prior consent may be'],
  ])('%s is found, and given as the text has it', (_, quote, passage) => {
    const found = findQuote(CONTRACT, quote);
    expect(found?.quote).toBe(passage);
    expect(CONTRACT.slice(found?.start, found?.end)).toBe(passage);
  });

  it.each([
    ['that leaves something out', 'may not assign … without the prior written consent'],
    ['that leaves something out with dots', 'may not assign ... the prior written consent'],
    ['with another word', 'may not transfer this Agreement'],
    ['in capitals', 'MAY NOT ASSIGN THIS AGREEMENT'],
    ['that begins inside a word', 'upplier may not assign'],
    ['that ends inside a word', 'without the prior written cons'],
    ['without its accent', 'final Cafe lease of'],
    ['too short to prove anything', 'may not'],
    ['of nothing but dashes', '— — — — — — — — —'],
    ['longer than the text', CONTRACT.repeat(2)],
  ])('%s is not found', (_, quote) => {
    expect(findQuote(CONTRACT, quote)).toBeUndefined();
  });

  it('is looked for again after a place where it would end inside a word', () => {
    const text = 'change of controller, then change of control.';
    expect(findQuote(text, 'change of control')?.start).toBe(text.lastIndexOf('change'));
  });

  it('that begins like what stands before it is not passed over', () => {
    const text = 'If the party or the party or the party and its heirs agree';
    expect(findQuote(text, 'the party or the party and')?.start).toBe(text.indexOf('or ') + 3);
  });

  it('is found wherever it is taken from', () => {
    const sentences = Array.from({ length: 60 }, (_, index) => `Clause ${index} binds the party 🏢 numbered ${index * 7}.`);
    const text = sentences.join('\n');
    const finder = createQuoteFinder(text);
    for (const sentence of sentences)
      expect(finder.find(sentence.replaceAll(' ', '\n'))).toMatchObject({ quote: sentence, start: text.indexOf(sentence) });
  });
});

describe('the text of chunks', () => {
  const blocks = [
    { page: 1, kind: 'heading', level: 1, text: 'Term' },
    { page: 1, kind: 'text', text: 'It lasts two years and is renewed by silence for two more.' },
    { page: 2, kind: 'text', text: 'Notice is six months before the end of it.' },
    { page: 3, kind: 'heading', level: 1, text: 'Rent' },
    { page: 3, kind: 'text', text: 'It is paid each month, in advance and without deductions.' },
  ] as const;

  it('tells page, section and chunk of every place in it', () => {
    const chunks = chunk(blocks, { target: 30 });
    expect(chunks.length).toBeGreaterThan(1);
    const { text, pageAt, sectionAt, chunkAt } = documentText(chunks);
    expect(text).toBe(blocks.map((block) => block.text).join('\n\n'));
    const at = (passage: string) => [
      pageAt(text.indexOf(passage)),
      sectionAt(text.indexOf(passage)),
      chunkAt(text.indexOf(passage))?.text.includes(passage),
    ];
    expect(at('two years')).toEqual([1, ['Term'], true]);
    expect(at('six months')).toEqual([2, ['Term'], true]);
    expect(at('each month')).toEqual([3, ['Rent'], true]);
    expect(pageAt(text.length + 100)).toBe(3);
    expect(pageAt(-1)).toBe(1);
  });

  it('of none is empty', () => {
    const nothing = documentText([]);
    expect([nothing.text, nothing.pageAt(0), nothing.sectionAt(0), nothing.chunkAt(0)]).toEqual(['', undefined, [], undefined]);
  });
});

const ROWS = Array.from({ length: 20 }, () => 'Total revenue of the year | Net income of the year | Earnings before interest and taxes').join('\n');

describe('the language of a document', () => {
  const inLanguage = (text: string) => languageOf(chunk([{ page: 1, kind: 'text', text }]));

  it('is told by its prose, not by its tables', async () => {
    const german = 'Der Mieter zahlt die Miete monatlich im Voraus. Die Kündigung bedarf der Schriftform und ist drei Monate vorher zu erklären.';
    const rows = { page: 1, kind: 'table', text: ROWS } as const;
    expect(await languageOf(chunk([rows, { page: 1, kind: 'text', text: german }], { target: 20 }))).toBe('de');
    expect(await inLanguage('The tenant pays the rent each month in advance.')).toBe('en');
  });

  it('is not guessed where there are no words', async () => {
    expect(await inLanguage('1,250.00 | 17')).toBeNull();
    expect(await languageOf([])).toBeNull();
  });
});
