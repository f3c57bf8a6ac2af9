import { describe, expect, it } from 'vitest';
import { readJsonList } from '../../lib/ai/json-list.ts';

/** As it may come over a network. */
async function* inPieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function read(text: string, size = 7) {
  const items: unknown[] = [];
  const rest = await readJsonList(inPieces(text, size), 'data', (item) => items.push(item));
  return { items, rest };
}

const tricky = {
  object: 'list "data": [1, 2]',
  data: [
    { index: 0, embedding: 'a]}",\\', nested: { data: [{ deep: ['x', ','] }] } },
    { index: 1, embedding: [0.5, -1e-7, null], text: 'Zwölf 🥊 \u2028' },
    {},
    7,
    'eight, [nine]',
    [],
    null,
  ],
  usage: { data: [1, [2]], prompt_tokens: 3 },
  more: [{ data: [4] }],
};

describe('a long list within a JSON object', () => {
  it.each([1, 2, 3, 16, 1_000])('comes item by item, the rest without it, in pieces of %d bytes', async (size) => {
    const { items, rest } = await read(JSON.stringify(tricky), size);
    expect(items).toEqual(tricky.data);
    expect(rest).toEqual({ ...tricky, data: [] });
  });

  it.each([
    ['spread over lines', JSON.stringify(tricky, null, 2)],
    ['after everything else', JSON.stringify({ usage: tricky.usage, data: tricky.data })],
  ])('is found %s', async (_, text) => {
    expect((await read(text)).items).toEqual(tricky.data);
  });

  it.each([
    ['empty', '{"data": [ ], "model": "m"}', { data: [], model: 'm' }],
    ['absent', '{"model": "m"}', { model: 'm' }],
    ['no list', '{"data": {"data": [1]}}', { data: { data: [1] } }],
  ])('may be %s', async (_, text, expected) => {
    expect(await read(text)).toEqual({ items: [], rest: expected });
  });

  it.each([
    '',
    '{"data": [',
    '{"data": [{"a": 1}',
    '{"data": [{"a": 1}]',
    '{"data": [{"a" 1}]}',
    '{"data": [1 2]}',
    'nothing of the kind',
    '{"data": [1]}}',
  ])('is refused within %j', async (text) => {
    await expect(read(text)).rejects.toThrow(SyntaxError);
  });
});
