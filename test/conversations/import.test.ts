import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { importCsv } from '../../lib/conversations/import.ts';
import { imported, inChunks, textsOf } from './support.ts';

const example = new URL('../../examples/data/conversations/bg2050-volunteers/comments.csv', import.meta.url);

describe('importCsv', () => {
  it('reads a real export: its column, its quoted line breaks, its ids', async () => {
    const { answers, ...report } = await imported(await readFile(example), { idColumn: 'comment-id' }, 1_000);
    expect(report).toEqual({
      rows: 371,
      added: 371,
      skipped: 0,
      empty: 0,
      badRows: { count: 0, first: [] },
      column: 'comment-body',
      idColumn: 'comment-id',
      delimiter: ',',
      encoding: 'utf-8',
      header: true,
    });
    expect(answers[1]).toEqual({
      externalId: '3',
      text: 'I want BG to feel welcoming to all who come here, including those who may not feel welcome now\n',
    });
    expect(new Set(answers.map(({ externalId }) => externalId)).size).toBe(371);
  });

  it('keeps equal and empty answers, counts the empty ones, and stores texts as they are', async () => {
    const { answers, rows, added, empty } = await imported('id,text\n1,=1+1 and so on\n2,  \n3,""\n4,=1+1 and so on\n5, two words \n');
    expect(textsOf(answers)).toEqual(['=1+1 and so on', '  ', '', '=1+1 and so on', ' two words ']);
    expect({ rows, added, empty }).toEqual({ rows: 5, added: 5, empty: 2 });
  });

  it('reports bad rows with their lines, and the rest goes in', async () => {
    const text = [
      'id,text',
      '1,fine words',
      '2',
      '3,too,many',
      '4,trailing empty cells,,',
      `5,${'x'.repeat(10_001)}`,
      ',no id here',
      '7,"a"b',
      '8,last words',
    ].join('\n');
    const { answers, rows, added, badRows } = await imported(text, { idColumn: 'id' });
    expect(textsOf(answers)).toEqual(['fine words', 'trailing empty cells', 'last words']);
    expect({ rows, added }).toEqual({ rows: 8, added: 3 });
    expect(badRows).toEqual({
      count: 5,
      first: [
        { line: 3, reason: 'has 1 field instead of 2' },
        { line: 4, reason: 'has 3 fields instead of 2' },
        { line: 6, reason: 'its answer has 10001 characters; at most 10000 are taken' },
        { line: 7, reason: 'has no id in the column id' },
        { line: 8, reason: 'a quote is not closed properly (write a quote inside quotes twice)' },
      ],
    });
  });

  it('lists the first bad rows, and counts all', async () => {
    const { badRows, added } = await imported(`id,text\n1,good one\n${'1\n'.repeat(5_000)}`);
    expect([badRows.count, badRows.first.length, badRows.first[19], added]).toEqual([5_000, 20, { line: 22, reason: expect.any(String) }, 1]);
  });

  it('stores a batch before it reads on', async () => {
    let [given, stored] = [0, 0];
    let ahead = 0;
    async function* source() {
      yield Buffer.from('text,n\n');
      for (let row = 0; row < 20_000; row += 1) {
        given += 1;
        ahead = Math.max(ahead, given - stored);
        yield Buffer.from(`answer number ${row} of a great many that come one by one,${row}\n`);
      }
    }
    const sizes: number[] = [];
    await importCsv(source(), {}, async (batch) => {
      await new Promise(setImmediate);
      stored += batch.length;
      sizes.push(batch.length);
      return { added: batch.length, skipped: 0 };
    });
    expect([stored, Math.max(...sizes)]).toEqual([20_000, 1_000]);
    // A batch, and what 64 KiB hold twice.
    expect(ahead).toBeLessThan(5_000);
  });

  it('says what was stored before it failed', async () => {
    const rows = Array.from({ length: 3_000 }, (_, index) => `${index},some words\n`).join('');
    const failing = importCsv(inChunks(`id,text\n${rows}${'4,"broken\n'.repeat(3_000)}`), {}, async (batch) => ({
      added: batch.length - 1,
      skipped: 1,
    }));
    await expect(failing).rejects.toMatchObject({ code: 'not_csv', details: { stored: { added: 2_997, skipped: 3 } } });
  });

  it.each([
    ['an Excel workbook (.xlsx)', Buffer.from('PK\u0003\u0004......[Content_Types].xml'), 'save the sheet as "CSV UTF-8"'],
    ['a zip archive', Buffer.from('PK\u0003\u0004......answers.csv'), 'Unpack it'],
    ['an Excel workbook (.xls)', Buffer.from('d0cf11e0a1b11ae10000', 'hex'), 'save the sheet as "CSV UTF-8"'],
    ['a PDF', Buffer.from('%PDF-1.7\n'), 'Export the answers as CSV'],
    ['a gzip archive', gzipSync('id,text\n1,a\n'), 'gunzip'],
    ['an HTML or XML page', Buffer.from('\n<!DOCTYPE html><html>'), 'login page'],
    ['NUL bytes', Buffer.from('id,text\n1,a\u0000b\n'), 'not a text file'],
    ['UTF-32', Buffer.from('fffe000069000000', 'hex'), 'Save it as UTF-8'],
    ['empty', Buffer.alloc(0), 'The file is empty'],
  ])('refuses what is not CSV, saying what it is: %s', async (what, content, advice) => {
    const message = await imported(content).catch((error) => (error.code === 'not_csv' ? error.message : error));
    expect(message).toContain(what);
    expect(message).toContain(advice);
  });

  it('names the closest column, and lists all, where the wanted one is not there', async () => {
    const text = 'comment-id,created,comment-body\n1,2026-01-01,some words here\n';
    await expect(imported(text, { column: 'coment-body' })).rejects.toMatchObject({
      code: 'invalid_input',
      issues: [
        {
          path: 'column',
          message:
            '"coment-body" is not a column of the table. Did you mean "comment-body"? The columns are 1 "comment-id", 2 "created", 3 "comment-body".',
        },
      ],
    });
    await expect(imported(text, { idColumn: '4' })).rejects.toMatchObject({ issues: [{ path: 'idColumn' }] });
    await expect(imported(text, { column: 'comment-body', idColumn: '3' })).rejects.toMatchObject({
      issues: [{ path: 'idColumn', message: expect.stringContaining('another column') }],
    });
    await expect(imported(text, { encoding: 'utf-9' })).rejects.toMatchObject({ issues: [{ path: 'encoding' }] });
    expect((await imported(text, { column: '1' })).answers).toEqual([{ text: '1' }]);
    expect((await imported(text, { column: 'COMMENT-BODY ' })).column).toBe('comment-body');
  });
});
