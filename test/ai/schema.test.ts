import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { answerSchema, strictJsonSchema } from '../../lib/ai/schema.ts';

const OPEN = { additionalProperties: false };

describe('the JSON schema of an answer', () => {
  it('requires every field, closes every object and nests', () => {
    const schema = z.object({ title: z.string(), claims: z.array(z.object({ quote: z.string() })) });
    expect(strictJsonSchema(schema)).toEqual({
      type: 'object',
      properties: {
        title: { type: 'string' },
        claims: { type: 'array', items: { type: 'object', properties: { quote: { type: 'string' } }, required: ['quote'], ...OPEN } },
      },
      required: ['title', 'claims'],
      ...OPEN,
    });
  });

  it('moves limits into the description, where models read them', () => {
    const schema = z.object({ score: z.number().min(0).max(10).describe('Hype.'), words: z.array(z.string().max(5)).max(8), whole: z.int() });
    expect(strictJsonSchema(schema).properties).toEqual({
      score: { type: 'number', description: 'Hype. (at least 0, at most 10)' },
      words: { type: 'array', items: { type: 'string', description: '(at most 5 characters)' }, description: '(at most 8 entries)' },
      whole: { type: 'integer' },
    });
  });

  it('writes nullable fields, unions, enums and literals in the words both vendors take', () => {
    const kinds = z.discriminatedUnion('kind', [z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b'), n: z.number() })]);
    const schema = z.object({ note: z.string().nullable(), verdict: z.enum(['true', 'false']), kinds });
    expect(strictJsonSchema(schema).properties).toEqual({
      note: { anyOf: [{ type: 'string' }, { type: 'null' }] },
      verdict: { type: 'string', enum: ['true', 'false'] },
      kinds: {
        anyOf: [
          { type: 'object', properties: { kind: { type: 'string', enum: ['a'] } }, required: ['kind'], ...OPEN },
          { type: 'object', properties: { kind: { type: 'string', enum: ['b'] }, n: { type: 'number' } }, required: ['kind', 'n'], ...OPEN },
        ],
      },
    });
  });

  it('keeps the formats both vendors enforce and describes the others', () => {
    expect(strictJsonSchema(z.object({ id: z.uuid(), link: z.url(), code: z.string().regex(/^[A-Z]+$/) })).properties).toEqual({
      id: { type: 'string', format: 'uuid' },
      link: { type: 'string', description: '(format uri)' },
      code: { type: 'string', description: '(matches ^[A-Z]+$)' },
    });
  });

  it.each([
    ['an optional field', z.object({ claims: z.array(z.object({ note: z.string().optional() })) }), 'claims.[].note is optional'],
    ['a field with a default', z.object({ tone: z.string().default('calm') }), 'tone is optional'],
    ['a record', z.object({ scores: z.record(z.string(), z.number()) }), 'scores has keys'],
    ['anything', z.object({ extra: z.any() }), 'extra can be anything'],
    ['a tuple', z.object({ pair: z.tuple([z.string(), z.string()]) }), 'pair is a tuple'],
    ['a list at the root', z.array(z.string()), 'object at the root'],
    ['a union at the root', z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]), 'object at the root'],
    ['a date', z.object({ when: z.date() }), 'cannot be written'],
  ])('refuses %s when it is defined, naming the field', (_, schema, problem) => {
    expect(() => answerSchema(schema)).toThrow(expect.objectContaining({ code: 'schema_not_strict', message: expect.stringContaining(problem) }));
  });

  it('refuses recursion', () => {
    const node: z.ZodType = z.object({ child: z.lazy(() => node).nullable() });
    expect(() => answerSchema(node)).toThrow(expect.objectContaining({ code: 'schema_not_strict' }));
  });

  it('gives back the schema it checked, and makes each one once', () => {
    const schema = z.object({ a: z.string() });
    expect(answerSchema(schema)).toBe(schema);
    expect(strictJsonSchema(schema)).toBe(strictJsonSchema(schema));
  });
});
