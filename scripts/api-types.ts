import type { Schema } from './openapi.ts';

/** Longer types are broken into lines. */
const WIDTH = 110;

/** A schema as TypeScript would write it; limits and meanings stand in comments. */
export function typeOf(schema: Schema, indent = ''): string {
  const { anyOf, oneOf, enum: values } = schema;
  const choices = anyOf ?? oneOf;
  if (choices) return unique(choices.map((choice) => typeOf(choice, indent))).join(' | ');
  if (values) return values.map((value) => (typeof value === 'string' ? `'${JSON.stringify(value).slice(1, -1)}'` : String(value))).join(' | ');
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.format === 'binary') return 'File';
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type }, indent)).join(' | ');
  if (schema.type === 'object') return objectType(schema, indent);
  if (schema.type === 'array') return arrayOf(schema.items ?? {}, indent);
  return PLAIN[schema.type ?? ''] ?? 'unknown';
}

const PLAIN: Readonly<Record<string, string>> = { string: 'string', integer: 'number', number: 'number', boolean: 'boolean', null: 'null' };

function objectType({ properties = {}, required = [], additionalProperties }: Schema, indent: string): string {
  const inner = `${indent}  `;
  const fields = Object.entries(properties).map(([name, schema]) => {
    const key = /^\w+$/.test(name) ? name : `'${name}'`;
    return { text: `${key}${required.includes(name) ? '' : '?'}: ${typeOf(schema, inner)}`, note: noteOf(schema) };
  });
  if (typeof additionalProperties === 'object') fields.push({ text: `[key: string]: ${typeOf(additionalProperties, inner)}`, note: '' });
  if (fields.length === 0) return additionalProperties === false ? '{}' : '{ [key: string]: unknown }';
  const line = `{ ${fields.map(({ text }) => text).join('; ')} }`;
  if (indent.length + line.length <= WIDTH && !line.includes('\n') && fields.every(({ note }) => note === '')) return line;
  return `{\n${fields.map(({ text, note }) => `${inner}${text};${note === '' ? '' : ` // ${note}`}`).join('\n')}\n${indent}}`;
}

/** Meaning, limits and default of a field, in one line. */
function noteOf(schema: Schema): string {
  const { description, default: usual } = schema;
  const said = [description?.replaceAll(/\s+/g, ' '), limitsOf(schema), usual === undefined ? '' : `default ${JSON.stringify(usual)}`];
  return said.filter(Boolean).join('; ');
}

/** What a value is held to, in one line; empty where nothing is said. */
export function limitsOf(schema: Schema): string {
  const { format, minimum, maximum, minLength, maxLength, minItems, maxItems } = schema;
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  const least = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  return [
    format === 'uuid' || format === 'date-time' || format === 'date' ? format : '',
    range(least, most, ''),
    range(minLength === 1 ? undefined : minLength, maxLength, ' characters'),
    range(minItems, maxItems, ' items'),
  ]
    .filter(Boolean)
    .join(', ');
}

function range(least: number | undefined, most: number | undefined, unit: string): string {
  if (least !== undefined && most !== undefined) return `${least} to ${most}${unit}`;
  if (most !== undefined) return `${most}${unit} at most`;
  return least !== undefined ? `${least}${unit} at least` : '';
}

function arrayOf(item: Schema, indent: string): string {
  const type = typeOf(item, indent);
  const isUnion = item.anyOf || item.oneOf || Array.isArray(item.type) || (item.enum ?? []).length > 1;
  return isUnion ? `(${type})[]` : `${type}[]`;
}

const unique = (types: readonly string[]): string[] => [...new Set(types)];
