import { describe, expect, it } from 'vitest';
import { findJsonProblem } from '../../api/json.ts';

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('the place where a text stops being JSON', () => {
  it.each([
    ['', 0, 'a value, but the text ends'],
    ['hello', 0, 'a value'],
    ['{"a":1,}', 7, 'a key in double quotes'],
    ['{"a":1 "b":2}', 7, '"," or "}"'],
    ['{"a" 1}', 5, '":"'],
    ["{'a':1}", 1, 'a key in double quotes or "}"'],
    ['{"a":01}', 6, '"," or "}"'],
    ['[1,2', 4, '"," or "]", but the text ends'],
    ['[1,]', 3, 'a value'],
    ['{"a":"b', 7, 'a closing double quote, but the text ends'],
    ['{"a":"\\x"}', 6, 'a valid escape such as \\n, \\" or \\u00e9'],
    ['{} {}', 3, 'the end of the text'],
    ['{"a":undefined}', 5, 'a value'],
    ['{"a":NaN}', 5, 'a value'],
  ])('of %j is %i: %s', (text, position, expected) => {
    expect(findJsonProblem(text)).toMatchObject({ position, expected });
  });

  it('is told as line and column too', () => {
    expect(findJsonProblem('{\n  "title": "x",\n  content: 1\n}')).toMatchObject({ position: 20, line: 3, column: 3 });
  });

  it('names a line break inside a string', () => {
    expect(findJsonProblem('{"a":"b\nc"}')).toMatchObject({ position: 7, line: 1, column: 8 });
  });

  it('is found at any depth without overflowing the stack', () => {
    const depth = 400_000;
    expect(findJsonProblem('['.repeat(depth))).toMatchObject({ position: depth });
    expect(findJsonProblem('['.repeat(depth) + ']'.repeat(depth))).toBeUndefined();
  });

  it('agrees with JSON.parse on whether there is one, whatever is cut out of or put into a text', () => {
    const valid = '{"a":[1,-2.5e+3,true,false,null,"x\\u00e9\\n\\"",{}],"b":{"c":[],"d":[{"e":0}]} ,"f":"" }';
    expect(findJsonProblem(valid)).toBeUndefined();
    const damaged = [...valid].flatMap((_, at) => [
      valid.slice(0, at),
      valid.slice(0, at) + valid.slice(at + 1),
      ...[',', '"', '}', '0', '\\', 'x', '-', '.', '\t'].map((extra) => valid.slice(0, at) + extra + valid.slice(at)),
    ]);
    const disagreements = damaged.filter((text) => parses(text) !== (findJsonProblem(text) === undefined));
    expect(disagreements).toEqual([]);
  });
});
