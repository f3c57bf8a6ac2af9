/** The part of Drive's search language that README.md names: terms with `and`, `or`, `not` and parentheses. */
import type { Item, StoredDrive } from './store.ts';

type Test = (item: Item) => boolean;

interface Parser {
  /** The next word, without taking it. */
  peek(): string | undefined;
  take(): string | undefined;
  drive: StoredDrive;
  /** Folders of terms `in parents`. */
  parents: string[];
}

/** Undefined for a query that Google would not take. */
export function parseQuery(query: string, drive: StoredDrive): Test | undefined {
  if (query.trim() === '') return () => true;
  const words = query.match(/'(?:\\.|[^'\\])*'|[()]|!=|=|[A-Za-z]+/g) ?? [];
  let at = 0;
  const parser: Parser = { peek: () => words[at], take: () => words[at++], drive, parents: [] };
  const test = parseOr(parser);
  if (!test || at !== words.length) return undefined;
  const left = parser.parents.length > 1 ? drive.hidden : new Set<string>();
  return (item) => !left.has(item.parentId ?? '') && test(item);
}

function parseOr(parser: Parser): Test | undefined {
  return parseSeries(parser, 'or', parseAnd, (tests) => (item) => tests.some((test) => test(item)));
}

function parseAnd(parser: Parser): Test | undefined {
  return parseSeries(parser, 'and', parseTerm, (tests) => (item) => tests.every((test) => test(item)));
}

function parseSeries(parser: Parser, between: string, part: (parser: Parser) => Test | undefined, join: (tests: Test[]) => Test): Test | undefined {
  const tests: Test[] = [];
  for (;;) {
    const test = part(parser);
    if (!test) return undefined;
    tests.push(test);
    if (parser.peek() !== between) return join(tests);
    parser.take();
  }
}

function parseTerm(parser: Parser): Test | undefined {
  const word = parser.take();
  if (word === '(') {
    const test = parseOr(parser);
    return parser.take() === ')' ? test : undefined;
  }
  if (word === 'not') {
    const test = parseTerm(parser);
    return test && ((item) => !test(item));
  }
  if (word?.startsWith("'")) return parseMembership(unquote(word), parser);
  return parseComparison(word, parser);
}

function parseMembership(value: string, parser: Parser): Test | undefined {
  if (parser.take() !== 'in') return undefined;
  const of = parser.take();
  if (of === 'owners' && value === 'me') return (item) => item.parentId !== null;
  if (of !== 'parents') return undefined;
  const parentId = value === 'root' ? parser.drive.rootId : value;
  parser.parents.push(parentId);
  return (item) => item.parentId === parentId;
}

function parseComparison(field: string | undefined, parser: Parser): Test | undefined {
  const operator = parser.take();
  const value = parser.take();
  if ((operator !== '=' && operator !== '!=') || value === undefined) return undefined;
  const test = equals(field, value, parser.drive);
  return test && (operator === '=' ? test : (item) => !test(item));
}

function equals(field: string | undefined, value: string, drive: StoredDrive): Test | undefined {
  if (field === 'trashed' && (value === 'true' || value === 'false')) return (item) => drive.isTrashed(item) === (value === 'true');
  if (field === 'mimeType' && value.startsWith("'")) return ({ mimeType }) => mimeType === unquote(value);
  if (field === 'name' && value.startsWith("'")) return ({ name }) => name === unquote(value);
  return undefined;
}

function unquote(word: string): string {
  return word.slice(1, -1).replace(/\\(.)/g, '$1');
}
