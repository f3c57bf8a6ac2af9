import type { FastifyInstance } from 'fastify';
import { HttpError } from './errors.ts';

export interface JsonProblem {
  /** Characters from the start of the text, from 0. */
  position: number;
  /** Both from 1. */
  line: number;
  column: number;
  expected: string;
}

type Expecting = 'value' | 'value or ]' | 'key or }' | 'key' | ':' | ', or }' | ', or ]' | 'the end';

const words: Readonly<Record<Expecting, string>> = {
  value: 'a value',
  'value or ]': 'a value or "]"',
  'key or }': 'a key in double quotes or "}"',
  key: 'a key in double quotes',
  ':': '":"',
  ', or }': '"," or "}"',
  ', or ]': '"," or "]"',
  'the end': 'the end of the text',
};

/**
 * Where a text stops being JSON; undefined when it does not. `JSON.parse` tells the place only for some texts and only in prose.
 * Works through the text with a stack of its own, so that deep nesting cannot overflow ours. Grammar: RFC 8259.
 */
export function findJsonProblem(text: string): JsonProblem | undefined {
  const open: ('{' | '[')[] = [];
  let expecting: Expecting = 'value';
  let at = skipSpace(text, text.startsWith('\uFEFF') ? 1 : 0);
  while (at < text.length) {
    const token = readToken(text, at);
    const next = expectedAfter(token.kind, expecting, open);
    if (next === undefined) return problemAt(text, at, words[expecting]);
    if (token.problem !== undefined) return problemAt(text, token.end, token.problem);
    expecting = next;
    at = skipSpace(text, token.end);
  }
  return expecting === 'the end' ? undefined : problemAt(text, at, `${words[expecting]}, but the text ends`);
}

type Kind = '{' | '}' | '[' | ']' | ',' | ':' | 'string' | 'word' | 'unknown';

interface Token {
  kind: Kind;
  /** Where it ends, or where its problem is. */
  end: number;
  problem?: string;
}

/** What may follow a token; undefined when the token itself was not expected. Keeps `open` up to date. */
function expectedAfter(kind: Kind, expecting: Expecting, open: ('{' | '[')[]): Expecting | undefined {
  const takesValue = expecting === 'value' || expecting === 'value or ]';
  if (takesValue && (kind === 'string' || kind === 'word')) return expectedAfterValue(open);
  if (takesValue && (kind === '{' || kind === '[')) {
    open.push(kind);
    return kind === '{' ? 'key or }' : 'value or ]';
  }
  if (kind === 'string' && (expecting === 'key' || expecting === 'key or }')) return ':';
  if (kind === ':' && expecting === ':') return 'value';
  if (kind === ',' && expecting === ', or }') return 'key';
  if (kind === ',' && expecting === ', or ]') return 'value';
  if ((kind === '}' || kind === ']') && expecting.endsWith(` or ${kind}`)) {
    open.pop();
    return expectedAfterValue(open);
  }
  return undefined;
}

function expectedAfterValue(open: readonly ('{' | '[')[]): Expecting {
  const innermost = open.at(-1);
  if (innermost === undefined) return 'the end';
  return innermost === '{' ? ', or }' : ', or ]';
}

function readToken(text: string, at: number): Token {
  const character = text[at];
  switch (character) {
    case '{':
    case '}':
    case '[':
    case ']':
    case ',':
    case ':':
      return { kind: character, end: at + 1 };
    case '"':
      return readString(text, at);
    default: {
      word.lastIndex = at;
      return word.test(text) ? { kind: 'word', end: word.lastIndex } : { kind: 'unknown', end: at };
    }
  }
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\n\r'.includes(text[at] ?? '')) at += 1;
  return at;
}

const word = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const escapeSequence = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

function readString(text: string, from: number): Token {
  const kind = 'string';
  let at = from + 1;
  while (at < text.length) {
    const character = text[at] ?? '';
    if (character === '"') return { kind, end: at + 1 };
    if (character < ' ') return { kind, end: at, problem: 'no line break or control character inside a string (write \\n)' };
    escapeSequence.lastIndex = at;
    if (character === '\\' && !escapeSequence.test(text)) return { kind, end: at, problem: 'a valid escape such as \\n, \\" or \\u00e9' };
    at = character === '\\' ? escapeSequence.lastIndex : at + 1;
  }
  return { kind, end: at, problem: 'a closing double quote, but the text ends' };
}

function problemAt(text: string, position: number, expected: string): JsonProblem {
  const before = text.slice(0, position);
  const column = position - before.lastIndexOf('\n');
  return { position, line: before.split('\n').length, column, expected };
}

/** Fastify's own JSON parser, which also refuses `__proto__`, with an error that says where. An empty body is no body. */
export function acceptJsonOnly(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.trim() === '') return done(null, undefined);
    parse(request, body, (error, value) => (error ? done(notJson(body)) : done(null, value)));
  });
}

function notJson(body: string): HttpError {
  const problem = findJsonProblem(body);
  if (!problem) return new HttpError(400, 'invalid_json', 'The body has a key named __proto__ or constructor.prototype, which is not accepted.');
  const { position, line, column, expected } = problem;
  return new HttpError(400, 'invalid_json', `The body is not JSON: at position ${position} (line ${line}, column ${column}) expected ${expected}.`, {
    ...problem,
  });
}
