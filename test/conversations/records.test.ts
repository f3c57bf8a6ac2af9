import { describe, expect, it } from 'vitest';
import { NO_DELIMITER } from '../../lib/conversations/dialect.ts';
import { MAX_RECORD_BYTES } from '../../lib/conversations/parser.ts';
import { type BadRow, type CsvRecord, readRecords } from '../../lib/conversations/records.ts';
import { inChunks } from './support.ts';

async function read(text: string | Buffer, { delimiter = ',', size }: { delimiter?: string; size?: number } = {}): Promise<(CsvRecord | BadRow)[]> {
  const items: (CsvRecord | BadRow)[] = [];
  async function* buffers() {
    for await (const chunk of inChunks(text, size)) yield Buffer.from(chunk);
  }
  for await (const some of readRecords(buffers(), delimiter)) items.push(...some);
  return items;
}

const BROKEN = expect.stringContaining('not closed properly');
const UNCLOSED = expect.stringContaining('never closed');

describe('readRecords', () => {
  it('says on which line each record starts, whatever ends the lines and however the bytes are cut', async () => {
    const lines = ['a,b', '1,"two', 'lines"', '', '2,"a ""quote"", and more"', '3,', '"",last'];
    const expected = [
      { line: 1, fields: ['a', 'b'] },
      { line: 2, fields: ['1', expect.stringMatching(/^two\r?\n?lines$/)] },
      { line: 5, fields: ['2', 'a "quote", and more'] },
      { line: 6, fields: ['3', ''] },
      { line: 7, fields: ['', 'last'] },
    ];
    for (const newline of ['\n', '\r\n', '\r'])
      for (const size of [1, 3, 7, 1_000]) expect(await read(lines.join(newline), { size })).toEqual(expected);
    expect(await read(`${lines.join('\n')}\n\n`)).toEqual(expected);
  });

  it.each([
    [
      'text after a closing quote',
      '1,"a"b\n2,c\n',
      [
        { line: 1, reason: BROKEN },
        { line: 2, fields: ['2', 'c'] },
      ],
    ],
    [
      'a quote that the next row closes',
      '1,"a\n2,"b"\n3,c\n',
      [
        { line: 1, reason: BROKEN },
        { line: 2, fields: ['2', 'b'] },
        { line: 3, fields: ['3', 'c'] },
      ],
    ],
    [
      'a quote that nobody closes',
      '1,"a\n2,b\n3,c',
      [
        { line: 1, reason: UNCLOSED },
        { line: 2, fields: ['2', 'b'] },
        { line: 3, fields: ['3', 'c'] },
      ],
    ],
    [
      'two of them',
      '1,"a\n2,b\n3,"c\n4,d\n',
      [
        { line: 1, reason: BROKEN },
        { line: 2, fields: ['2', 'b'] },
        { line: 3, reason: UNCLOSED },
        { line: 4, fields: ['4', 'd'] },
      ],
    ],
  ])('costs its own line alone: %s', async (_, text, items) => {
    expect(await read(text)).toEqual(items);
    expect(await read(text, { size: 1 })).toEqual(items);
  });

  it('takes a quote in the middle of plain text as text', async () => {
    expect(await read('1,a 19" screen\n2,say "hi"\n')).toEqual([
      { line: 1, fields: ['1', 'a 19" screen'] },
      { line: 2, fields: ['2', 'say "hi"'] },
    ]);
  });

  it('takes lines that begin with a quoted word, where a line is all there is', async () => {
    expect(await read('"Best" of all, really\nplain\n"whole line"\n"Last" one', { delimiter: NO_DELIMITER })).toEqual([
      { line: 1, fields: ['"Best" of all, really'] },
      { line: 2, fields: ['plain'] },
      { line: 3, fields: ['whole line'] },
      { line: 4, fields: ['"Last" one'] },
    ]);
  });

  it('reports bytes that are not UTF-8, and leaves replacement characters alone that were there before', async () => {
    const text = Buffer.concat([Buffer.from('1,bad '), Buffer.from([0xe9]), Buffer.from('\n2,was broken \uFFFD before\n3,nul \u0000\n')]);
    expect(await read(text)).toEqual([
      { line: 1, reason: expect.stringContaining('UTF-8') },
      { line: 2, fields: ['2', 'was broken \uFFFD before'] },
      { line: 3, reason: expect.stringContaining('NUL') },
    ]);
  });

  it('reports a line that is too long, and goes on behind it', async () => {
    const long = 'x'.repeat(3 * MAX_RECORD_BYTES);
    expect(await read(`1,a\n2,${long}\n3,c\n`)).toEqual([
      { line: 1, fields: ['1', 'a'] },
      { line: 2, reason: 'is longer than 1024 KiB' },
      { line: 3, fields: ['3', 'c'] },
    ]);
    expect(await read(`2,${long}`)).toEqual([{ line: 1, reason: 'is longer than 1024 KiB' }]);
  });

  it('finds every row behind a quote that is open for megabytes', async () => {
    const rows = Array.from({ length: 60_000 }, (_, index) => `${index},nothing is quoted here, or so it seems\n`);
    const items = await read(`a,"b\n${rows.join('')}`);
    expect([items.length, items[0], items[1], items.at(-1)]).toEqual([
      60_001,
      { line: 1, reason: UNCLOSED },
      { line: 2, fields: ['0', 'nothing is quoted here', ' or so it seems'] },
      { line: 60_001, fields: ['59999', 'nothing is quoted here', ' or so it seems'] },
    ]);
  });

  it('gives up where quotes are wrong all over the place', async () => {
    await expect(read('1,"a\n'.repeat(5_000))).rejects.toMatchObject({
      code: 'not_csv',
      message: expect.stringContaining('Save the table as CSV again'),
    });
  });
});
