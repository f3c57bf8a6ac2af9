import { describe, expect, it } from 'vitest';
import { attachment } from '../../api/content.ts';
import { csvRow, harmless } from '../../lib/conversations/csv-cells.ts';
import { csvExport, jsonExport } from '../../lib/conversations/export.ts';
import { mapJson, mapPicture } from '../../lib/conversations/map.ts';
import { answersOf, type Snapshot, takeSnapshot } from '../../lib/conversations/snapshot.ts';
import type { Answer, Conversation } from '../../lib/db/conversation-types.ts';

const conversation: Conversation = {
  id: 'c',
  userId: null,
  title: 'T',
  analysisStatus: 'succeeded',
  analysisError: null,
  analysis: null,
  analysisJobId: 'j',
  analysedAt: null,
  createdAt: '',
  updatedAt: '',
};
const snapshot: Snapshot = { conversation, themes: [], version: 'v' };
const place = { themeId: null, x: 1, y: 2, cluster: -1, duplicateOf: null, externalId: null };
const answersWith = (count: number): Answer[] =>
  Array.from({ length: count }, (_, index) => ({ id: `${index}`, position: index + 1, text: `answer ${index}`, ...place }));

async function* pagesOf(answers: Answer[], sizes: number[]): AsyncGenerator<Answer[]> {
  let at = 0;
  for (const size of sizes) {
    yield answers.slice(at, at + size);
    at += size;
  }
}

async function joined(pieces: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
}

describe('what is written page by page', () => {
  it.each([[[0]], [[3]], [[0, 3]], [[3, 0]], [[1, 0, 2]], [[1, 1, 1, 0]]])('is whole, whatever the pages: %j', async (sizes) => {
    const answers = answersWith(sizes.reduce((sum, size) => sum + size, 0));
    const texts = answers.map(({ text }) => text);
    const textsIn = (rows: { text: string }[]) => rows.map(({ text }) => text);
    expect(textsIn(JSON.parse(await joined(jsonExport(snapshot, pagesOf(answers, sizes)))).data.answers)).toEqual(texts);
    expect(textsIn(JSON.parse(await joined(mapJson(snapshot, pagesOf(answers, sizes)))).data.points)).toEqual(texts);
    expect((await joined(csvExport(snapshot, pagesOf(answers, sizes), { bom: false }))).trimEnd().split('\r\n').length).toBe(1 + texts.length);
  });

  it('50,000 answers never stand in memory together', async () => {
    const answers = answersWith(50_000);
    let most = 0;
    const table = {
      get: async () => conversation,
      themes: async () => [],
      answers: async (_: string, { after, limit }: { after: number; limit: number }) => answers.slice(after, after + limit),
    };
    const read = answersOf(table, await takeSnapshot(table, conversation));
    let rows = 0;
    for await (const piece of csvExport(snapshot, read, { bom: false })) {
      most = Math.max(most, piece.length);
      rows += piece.split('\r\n').length - 1;
    }
    expect([rows, most < 150_000]).toEqual([50_001, true]);
  });
});

describe('the map', () => {
  it('clips texts, never in the middle of a letter', async () => {
    const [answer] = answersWith(1);
    if (!answer) throw new Error('one was made');
    const text = `${'x'.repeat(158)}😀 and more`;
    const { points } = JSON.parse(await joined(mapJson(snapshot, pagesOf([{ ...answer, text }], [1])))).data;
    expect(points[0].text).toBe(`${'x'.repeat(158)}…`);
  });

  it('is drawn of what was placed, equal answers once', async () => {
    const [first, second, third] = answersWith(3);
    if (!first || !second || !third) throw new Error('three were made');
    const answers = [first, { ...second, duplicateOf: first.id }, { ...third, x: null, y: null, cluster: null }];
    const { points } = await mapPicture(snapshot, pagesOf(answers, [3]));
    expect(points).toEqual({ x: Float32Array.of(1), y: Float32Array.of(2), theme: Int32Array.of(-1) });
  });
});

describe('CSV cells', () => {
  it('are quoted where they need it', () => {
    expect(csvRow(['a', 'b,c', 'say "hi"', 'two\nlines', ' space', null, -1.5])).toBe('a,"b,c","say ""hi""","two\nlines"," space",,-1.5\r\n');
  });

  it.each(['=1+1', '+1', '-1', '@sum', '\tx', '\rx'])('that a spreadsheet would run are made harmless: %j', (text) => {
    expect(harmless(text)).toBe(`'${text}`);
  });
});

describe('file names from titles', () => {
  it.each([
    ['Our town', 'csv', `attachment; filename="Our town.csv"; filename*=UTF-8''Our%20town.csv`],
    ['../../etc/passwd', 'csv', `attachment; filename="etc passwd.csv"; filename*=UTF-8''etc%20passwd.csv`],
    [
      'a"; filename=evil.exe\r\nX: y',
      'json',
      `attachment; filename="a filename=evil.exe X y.json"; filename*=UTF-8''a%20filename%3Devil.exe%20X%20y.json`,
    ],
    ['你好', 'csv', `attachment; filename="conversation.csv"; filename*=UTF-8''%E4%BD%A0%E5%A5%BD.csv`],
    [' \u0000 ', 'csv', `attachment; filename="conversation.csv"; filename*=UTF-8''conversation.csv`],
  ])('%j', (title, ending, header) => {
    expect(attachment(title, ending)).toBe(header);
  });
});
