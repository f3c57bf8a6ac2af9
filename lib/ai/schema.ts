import { z } from 'zod';
import { messageOf, PermanentError } from '../errors.ts';

export type JsonSchema = Record<string, unknown>;

/** Formats that OpenAI and Anthropic both enforce; others become part of the description. */
const FORMATS = new Set(['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid']);

/** Limits no vendor enforces: the model reads them in the description, and zod checks them in the answer. */
const LIMITS: Readonly<Record<string, (value: unknown) => string>> = {
  minLength: (value) => `at least ${value} characters`,
  maxLength: (value) => `at most ${value} characters`,
  minimum: (value) => `at least ${value}`,
  maximum: (value) => `at most ${value}`,
  exclusiveMinimum: (value) => `more than ${value}`,
  exclusiveMaximum: (value) => `less than ${value}`,
  multipleOf: (value) => `a multiple of ${value}`,
  minItems: (value) => `at least ${value} entries`,
  maxItems: (value) => `at most ${value} entries`,
};

const made = new WeakMap<z.ZodType, JsonSchema>();

/** Checks at definition time that vendors can be asked for `schema`, and gives it back. Throws `PermanentError` `schema_not_strict` naming the field. */
export function answerSchema<S extends z.ZodType>(schema: S): S {
  strictJsonSchema(schema);
  return schema;
}

/**
 * The JSON schema of an answer in the subset that OpenAI's strict mode and Anthropic's structured outputs both take: an object at
 * the root, every field required, no further fields, no limits, no recursion. Throws `PermanentError` `schema_not_strict` naming the field.
 */
export function strictJsonSchema(schema: z.ZodType): JsonSchema {
  const known = made.get(schema);
  if (known) return known;
  const root = strict(draft(schema), []);
  if (root.type !== 'object') throw notStrict([], 'must be an object at the root');
  made.set(schema, root);
  return root;
}

function draft(schema: z.ZodType): JsonSchema {
  try {
    return z.toJSONSchema(schema, { io: 'input', reused: 'inline', cycles: 'throw', unrepresentable: 'throw' });
  } catch (cause) {
    throw new PermanentError(`this answer schema cannot be written as a JSON schema: ${messageOf(cause)}`, { code: 'schema_not_strict', cause });
  }
}

function strict(node: JsonSchema, path: readonly string[]): JsonSchema {
  const variants = alternatives(node);
  if (variants) return described({ anyOf: variants.map((variant) => strict(variant, path)) }, node.description);
  if ('allOf' in node || '$ref' in node || 'not' in node) throw notStrict(path, 'combines schemas in a way vendors do not take; write one object');
  if (typeof node.type !== 'string') throw notStrict(path, 'can be anything; give it a type');
  return described({ type: node.type, ...shape(node, path), ...literals(node) }, node.description, hints(node));
}

/** The branches of a union, also where zod writes one as a list of types (`string` or `null`). */
function alternatives(node: JsonSchema): JsonSchema[] | undefined {
  const union = node.anyOf ?? node.oneOf;
  if (Array.isArray(union)) return union.map(asSchema);
  if (!Array.isArray(node.type)) return undefined;
  const { description: _, ...rest } = node;
  return node.type.map((type: unknown) => (type === 'null' ? { type } : { ...rest, type }));
}

function shape(node: JsonSchema, path: readonly string[]): JsonSchema {
  if (node.type === 'object') return objectShape(node, path);
  if (node.type === 'array') return arrayShape(node, path);
  return typeof node.format === 'string' && FORMATS.has(node.format) ? { format: node.format } : {};
}

function objectShape(node: JsonSchema, path: readonly string[]): JsonSchema {
  const properties = asSchema(node.properties ?? {});
  const required = new Set(Array.isArray(node.required) ? node.required : []);
  if (node.propertyNames || node.patternProperties || node.additionalProperties) {
    throw notStrict(path, 'has keys that are not known beforehand; use an array of objects');
  }
  const names = Object.keys(properties);
  const optional = names.find((name) => !required.has(name));
  if (optional !== undefined) throw notStrict([...path, optional], 'is optional; models answer with every field, so make it nullable instead');
  const fields = names.map((name) => [name, strict(asSchema(properties[name]), [...path, name])] as const);
  return { properties: Object.fromEntries(fields), required: names, additionalProperties: false };
}

function arrayShape(node: JsonSchema, path: readonly string[]): JsonSchema {
  if (node.prefixItems) throw notStrict(path, 'is a tuple; use an object');
  return { items: strict(asSchema(node.items ?? {}), [...path, '[]']) };
}

function literals(node: JsonSchema): JsonSchema {
  if (Array.isArray(node.enum)) return { enum: node.enum };
  return 'const' in node ? { enum: [node.const] } : {};
}

function hints(node: JsonSchema): string[] {
  const limits = Object.entries(LIMITS)
    .filter(([keyword]) => node[keyword] !== undefined && Math.abs(Number(node[keyword])) < Number.MAX_SAFE_INTEGER)
    .map(([keyword, say]) => say(node[keyword]));
  if (typeof node.format === 'string') return FORMATS.has(node.format) ? limits : [...limits, `format ${node.format}`];
  return typeof node.pattern === 'string' ? [...limits, `matches ${node.pattern}`] : limits;
}

function described(schema: JsonSchema, description: unknown, limits: readonly string[] = []): JsonSchema {
  const hint = limits.length > 0 ? `(${limits.join(', ')})` : undefined;
  const words = [typeof description === 'string' ? description : undefined, hint].filter((part) => part !== undefined).join(' ');
  return words ? { ...schema, description: words } : schema;
}

function asSchema(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function notStrict(path: readonly string[], problem: string): PermanentError {
  const field = path.join('.') || 'the answer schema';
  return new PermanentError(`${field} ${problem}`, { code: 'schema_not_strict', details: { field } });
}
