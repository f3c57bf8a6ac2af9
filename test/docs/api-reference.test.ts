import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { renderApiReference } from '../../scripts/api-reference.ts';
import { typeOf } from '../../scripts/api-types.ts';

const file = fileURLToPath(new URL('../../docs/api-reference.md', import.meta.url));

it('docs/api-reference.md is what the API says of itself (node scripts/api-reference.ts)', async () => {
  expect(readFileSync(file, 'utf8')).toBe(await renderApiReference());
});

it.each([
  [{ type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'null' }] } }, '(string | null)[]'],
  [{ type: 'array', items: { type: 'string', enum: ['a', 'b'] } }, "('a' | 'b')[]"],
  [{ type: ['string', 'null'] }, 'string | null'],
  [{ enum: ['\t', '|'] }, "'\\t' | '|'"],
  [{ type: 'object', additionalProperties: { type: 'integer' } }, '{ [key: string]: number }'],
  [{ type: 'object', properties: { id: { type: 'string' }, 'x-y': {} }, required: ['id'] }, "{ id: string; 'x-y'?: unknown }"],
  [{ type: 'object', properties: { ms: { type: 'integer', minimum: 0, default: 5 } } }, '{\n  ms?: number; // 0 at least; default 5\n}'],
])('%j is written as %s', (schema, type) => {
  expect(typeOf(schema)).toBe(type);
});
