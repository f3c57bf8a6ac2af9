import { describe, expect, it } from 'vitest';
import { imported, textsOf } from './support.ts';

const rows = [
  ['id', 'when', 'answer'],
  ['1', '2026-11-01', 'More trees; and benches'],
  ['2', '2026-11-02', 'Buses, at night | too'],
  ['3', '2026-11-03', 'A "quoted" word\tand a tab'],
];
const written = (delimiter: string) => rows.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(delimiter)).join('\r\n');

describe('what is found in a table', () => {
  it.each([',', ';', '\t', '|'] as const)('its delimiter: %j', async (delimiter) => {
    const found = await imported(written(delimiter));
    expect([found.delimiter, found.column, found.header]).toEqual([delimiter, 'answer', true]);
    expect(textsOf(found.answers)).toEqual(rows.slice(1).map((row) => row[2]));
  });

  it('that it is one column, for all the commas in it', async () => {
    const lines = ['More trees, and shade', 'Nothing', 'Buses, at night', 'Quieter streets, please', 'Parks, parks, parks, and more parks'];
    const found = await imported(lines.join('\n'));
    expect([found.delimiter, found.header, found.column]).toEqual([null, false, '1']);
    expect(textsOf(found.answers)).toEqual(lines);
  });

  it('that there are two, for all the spaces behind the commas', async () => {
    const found = await imported('id, comment\n1, more trees\n2, fewer cars\n');
    expect([found.delimiter, found.column, textsOf(found.answers)]).toEqual([',', 'comment', [' more trees', ' fewer cars']]);
  });

  it.each([
    ['a word', 'feedback\nGood place to live\nToo loud at night\n', true],
    ['a question', 'What would you change?\nThe roads\nThe park\n', true],
    ['no heading', 'The roads are bad\nThe park is small\n', false],
    ['one-word answers', 'Roads\nParks\nSchools\n', false],
  ])('the heading of a single column: %s', async (_, text, header) => {
    expect((await imported(text)).header).toBe(header);
  });

  it('no header above rows of the same kind, and no column named then', async () => {
    const found = await imported('1,More trees in town\n2,Fewer cars in town\n');
    expect([found.header, found.column, textsOf(found.answers)]).toEqual([false, '2', ['More trees in town', 'Fewer cars in town']]);
    await expect(imported('1,More trees in town\n2,Fewer cars in town\n', { column: 'text' })).rejects.toThrow('no row of names');
  });

  it('ragged rows under a header are bad rows, not another format', async () => {
    const found = await imported('id,comment\n1,one, two, three\n2,fine here\n3,a, b\n4,c, d, e\n');
    expect([found.delimiter, found.badRows.count, textsOf(found.answers)]).toEqual([',', 3, ['fine here']]);
  });

  it('what Excel announces in its first line', async () => {
    const found = await imported('sep=;\r\nid;text\r\n1;some words\r\n2\r\n');
    expect([found.delimiter, textsOf(found.answers), found.badRows.first]).toEqual([';', ['some words'], [{ line: 4, reason: expect.any(String) }]]);
  });

  it('the column of answers among links, names and long ids', async () => {
    const table = [
      'uuid,url,author,score,reply',
      '0b2c7a3e-6f0e-4c3e-9a55-1d2f3a4b5c6d,https://example.com/a/very/long/path/to/a/thing,Jane Doe,4,Good',
      '1b2c7a3e-6f0e-4c3e-9a55-1d2f3a4b5c6d,https://example.com/another/very/long/path/to/it,John Doe,5,Better than I thought it would be',
      '2b2c7a3e-6f0e-4c3e-9a55-1d2f3a4b5c6d,https://example.com/yet/another/very/long/path/x,Jim Roe,1,No',
    ].join('\n');
    expect((await imported(table)).column).toBe('reply');
  });

  it('what is given is not guessed', async () => {
    const text = 'a;b,c\nmore words here;d,e\n';
    const found = await imported(text, { delimiter: ',', header: false, column: '1' });
    expect([found.delimiter, found.header, textsOf(found.answers)]).toEqual([',', false, ['a;b', 'more words here;d']]);
  });
});

describe('encodings', () => {
  const text = 'id,text\n1,Straße und Café\n2,naïve “quotes”\n';
  const utf16be = (content: string) => Buffer.from(content, 'utf16le').swap16();
  /** Windows-1252, of the letters used here. */
  const ansi = (content: string) => Buffer.from([...content].map((letter) => ({ '“': 0x93, '”': 0x94, '’': 0x92 })[letter] ?? letter.charCodeAt(0)));

  it.each([
    ['UTF-8', Buffer.from(text), 'utf-8'],
    ['UTF-8 with a mark', Buffer.from(`\uFEFF${text}`), 'utf-8'],
    ['UTF-16 LE with a mark', Buffer.from(`\uFEFF${text}`, 'utf16le'), 'utf-16le'],
    ['UTF-16 LE', Buffer.from(text, 'utf16le'), 'utf-16le'],
    ['UTF-16 BE with a mark', utf16be(`\uFEFF${text}`), 'utf-16be'],
    ['UTF-16 BE', utf16be(text), 'utf-16be'],
    ['Windows-1252', ansi(text), 'windows-1252'],
  ])('%s', async (_, content, encoding) => {
    for (const size of [1, 1_000]) {
      const found = await imported(content, {}, size);
      expect([found.encoding, textsOf(found.answers), found.column]).toEqual([encoding, ['Straße und Café', 'naïve “quotes”'], 'text']);
    }
  });

  it('others, by the letters they use', async () => {
    const russian = 'Мне очень нравится новый парк но не хватает скамеек';
    const bytes = Buffer.from([...russian].map((letter) => (letter === ' ' ? 32 : letter.charCodeAt(0) - 0x410 + 0xc0)));
    const found = await imported(bytes);
    expect([found.encoding, textsOf(found.answers)]).toEqual(['windows-1251', [russian]]);
  });

  it('one that is named counts, a mark in the file counts more', async () => {
    expect(textsOf((await imported(Buffer.from([0xe9, 0x20, 0xf1]), { encoding: 'koi8-r' })).answers)).toEqual(['И Я']);
    expect((await imported(Buffer.from(`\uFEFF${text}`, 'utf16le'), { encoding: 'utf-8' })).encoding).toBe('utf-16le');
  });

  it('says UTF-8 where there is nothing but ASCII, or where the first other letter says so', async () => {
    const plain = 'id,text\n'.concat(...Array.from({ length: 5_000 }, (_, index) => `${index},plain words only\n`));
    expect((await imported(plain)).encoding).toBe('utf-8');
    const found = await imported(`${plain}9,Café\n`);
    expect([found.encoding, found.answers.at(-1)]).toEqual(['utf-8', { text: 'Café' }]);
  });

  it('waits for the first letter that tells: a curly quote after a hundred thousand plain ones', async () => {
    const plain = 'id,text\n'.concat(...Array.from({ length: 5_000 }, (_, index) => `${index},plain words only\n`));
    const found = await imported(Buffer.concat([Buffer.from(plain), ansi('9,it’s late\n')]));
    expect([found.encoding, found.badRows.count, found.answers.at(-1)]).toEqual(['windows-1252', 0, { text: 'it’s late' }]);
  });
});
