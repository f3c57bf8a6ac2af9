import { describe, expect, it } from 'vitest';
import type { GmailMessage } from '../../../lib/mail/contract.ts';
import { createMessageReader } from '../../../lib/mail/message/reader.ts';
import { randomFrom } from './random.ts';

const read = await createMessageReader();

const isStorable = (message: unknown): boolean => {
  const stored = JSON.stringify(message);
  return stored.isWellFormed() && !stored.includes('\\u0000') && !/\\ud[89a-f]/i.test(stored);
};

describe('whatever Gmail sends is read', () => {
  it.each(Array.from({ length: 20 }, (_, seed) => seed))('from random parts and bytes, seed %i', (seed) => {
    const random = randomFrom(seed);
    for (let round = 0; round < 25; round += 1) expect(isStorable(read(random.message()))).toBe(true);
  });

  it.each<[string, unknown]>([
    ['null for everything', { id: null, payload: null, labelIds: null, snippet: null, internalDate: null, sizeEstimate: null }],
    ['numbers for texts', { id: 1, threadId: 2, snippet: 3, internalDate: 4, payload: { mimeType: 5, filename: 6, headers: 7, body: 8, parts: 9 } }],
    ['lists of nothing', { labelIds: [null], payload: { headers: [null, {}], parts: [null, undefined, {}], body: { data: null } } }],
    ['text that is no base64', { payload: { mimeType: 'text/plain', body: { data: '!!§$%&/(' } } }],
  ])('with %s', (_, message) => {
    // Google's types do not allow these; Google's servers are not bound by them.
    expect(isStorable(read(message as GmailMessage))).toBe(true);
  });

  it.each([
    ['and found', 40, 'xx'],
    ['and not found below the fiftieth', 60, ''],
    ['and not found, without an error, at any depth', 5_000, ''],
  ])('as deep as it lies, %s', (_, depth, text) => {
    let payload: GmailMessage['payload'] = { mimeType: 'text/plain', body: { data: 'eHg', size: 2 } };
    for (let level = 0; level < depth; level += 1) payload = { mimeType: 'multipart/mixed', parts: [payload] };
    expect(read({ payload }).text).toBe(text);
  });

  it('with more parts than are looked at', () => {
    const parts = Array.from({ length: 10_000 }, () => ({ mimeType: 'text/plain', body: { data: 'eHg', size: 2 } }));
    expect(read({ payload: { mimeType: 'multipart/mixed', parts } }).text.split('\n\n')).toHaveLength(1_999);
  });
});
