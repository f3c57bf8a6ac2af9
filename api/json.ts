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
  const afterValue = (): Expecting => {
    const innermost = open.at(-1);
    if (innermost === undefined) return 'the end';
    return innermost === '{' ? ', or }' : ', or ]';
  };
  const problem = (expected: string = words[expecting]): JsonProblem => ({ ...lineAndColumn(text, at), expected });

  while (at < text.length) {
    const character = text[at] ?? '';
    if (
      (character === '}' && (expecting === 'key or }' || expecting === ', or }')) ||
      (character === ']' && (expecting === 'value or ]' || expecting === ', or ]'))
    ) {
      open.pop();
      at += 1;
      expecting = afterValue();
    } else if (character === ',' && (expecting === ', or }' || expecting === ', or ]')) {
      at += 1;
      expecting = expecting === ', or }' ? 'key' : 'value';
    } else if (character === ':' && expecting === ':') {
      at += 1;
      expecting = 'value';
    } else if (character === '"' && (expecting === 'key' || expecting === 'key or }')) {
      const end = endOfString(text, at);
      if (end.problem) return { ...lineAndColumn(text, end.at), expected: end.problem };
      at = end.at;
      expecting = ':';
    } else if ((character === '{' || character === '[') && (expecting === 'value' || expecting === 'value or ]')) {
      open.push(character);
      at += 1;
      expecting = character === '{' ? 'key or }' : 'value or ]';
    } else if (expecting === 'value' || expecting === 'value or ]') {
      const end = character === '"' ? endOfString(text, at) : { at: endOfWord(text, at), problem: undefined };
      if (end.problem) return { ...lineAndColumn(text, end.at), expected: end.problem };
      if (end.at === at) return problem();
      at = end.at;
      expecting = afterValue();
    } else {
      return problem();
    }
    at = skipSpace(text, at);
  }
  return expecting === 'the end' ? undefined : problem(`${words[expecting]}, but the text ends`);
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\n\r'.includes(text[at] ?? '')) at += 1;
  return at;
}

const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

function endOfString(text: string, from: number): { at: number; problem: string | undefined } {
  let at = from + 1;
  while (at < text.length) {
    const character = text[at] ?? '';
    if (character === '"') return { at: at + 1, problem: undefined };
    if (character < ' ') return { at, problem: 'no line break or control character inside a string (write \\n)' };
    escape.lastIndex = at;
    if (character === '\\' && !escape.test(text)) return { at, problem: 'a valid escape such as \\n, \\" or \\u00e9' };
    at = character === '\\' ? escape.lastIndex : at + 1;
  }
  return { at, problem: 'a closing double quote, but the text ends' };
}

const word = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** End of a number or literal; `from` itself when there is none. */
function endOfWord(text: string, from: number): number {
  word.lastIndex = from;
  return word.test(text) ? word.lastIndex : from;
}

function lineAndColumn(text: string, position: number): Omit<JsonProblem, 'expected'> {
  const before = text.slice(0, position);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { position, line: before.split('\n').length, column: position - lineStart + 1 };
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
