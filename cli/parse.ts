import { parseArgs } from 'node:util';
import type { Argument, Command, Option, Reader } from './command.ts';
import { didYouMean } from './did-you-mean.ts';
import { UsageError } from './errors.ts';

export interface Parsed {
  arguments: Record<string, unknown>;
  options: Record<string, unknown>;
  help: boolean;
}

/** Understood by every command. */
export const GLOBAL_FLAGS = ['json', 'help'] as const;

/** The command that `words` begin with, and what follows its name. Throws `UsageError` where there is none. */
export function findCommand(words: readonly string[], commands: readonly Command[]): { command: Command; rest: string[] } {
  const start = words.findIndex((word) => !word.startsWith('-'));
  const [before, named] = start < 0 ? [words, []] : [words.slice(0, start), words.slice(start)];
  const stray = before.find((word) => !GLOBAL_FLAGS.some((name) => word === `--${name}`) && word !== '-h');
  if (stray !== undefined) throw new UsageError(`Unknown option ${stray}: options follow the command.`);
  const command = commands.find(({ name }) => name.split(' ').every((part, index) => part === named[index]));
  if (command === undefined) throw unknownCommand(named, commands);
  return { command, rest: [...before, ...named.slice(command.name.split(' ').length)] };
}

function unknownCommand(named: readonly string[], commands: readonly Command[]): UsageError {
  const [first = '', second] = named;
  const siblings = commands.flatMap(({ name }) => (name.startsWith(`${first} `) ? [name.slice(first.length + 1)] : []));
  if (siblings.length === 0) return new UsageError(`Unknown command ${first}.${didYouMean(first, [...new Set(commands.map(firstWord))])}`);
  if (second === undefined || second.startsWith('-')) return new UsageError(`${first} what? One of ${siblings.join(', ')}.`);
  return new UsageError(`Unknown command ${first} ${second}.${didYouMean(second, siblings)}`);
}

const firstWord = ({ name }: Command): string => name.split(' ')[0] ?? name;

/** Reads what follows the command's name, by its declaration. Throws `UsageError`. `now` in milliseconds since the epoch. */
export function parse(command: Command, words: readonly string[], now: number): Parsed {
  const options = { ...Object.fromEntries(GLOBAL_FLAGS.map((name) => [name, {}])), ...command.options } as Record<string, Option<unknown>>;
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(Object.entries(options).map(([name, { reader }]) => [name, { type: reader ? 'string' : 'boolean' } as const])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given: Record<string, unknown> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const name = token.rawName === '-h' ? 'help' : token.name;
    if (Object.hasOwn(given, name)) throw new UsageError(`${token.rawName} is given twice.`);
    given[name] = readOption(token.rawName, Object.hasOwn(options, name) ? options[name] : undefined, token.value, {
      now,
      known: Object.keys(options),
    });
  }
  const { help, json: _, ...own } = given;
  return { options: own, help: help === true, arguments: help === true ? {} : readArguments(command, positionals, now) };
}

function readOption(
  rawName: string,
  declared: Option<unknown> | undefined,
  value: string | undefined,
  { now, known }: { now: number; known: string[] },
): unknown {
  if (declared === undefined)
    throw new UsageError(
      `Unknown option ${rawName}.${didYouMean(
        rawName,
        known.map((name) => `--${name}`),
      )}`,
    );
  if (declared.reader === undefined) {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value.`);
    return true;
  }
  if (value === undefined) throw new UsageError(`${rawName} needs a value: ${declared.reader.mustBe}.`);
  return read(rawName, declared.reader, value, now);
}

function readArguments(command: Command, positionals: readonly string[], now: number): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const left = [...positionals];
  for (const [name, { arity, reader }] of Object.entries(command.arguments)) {
    const taken = left.splice(0, arity === 'many' ? left.length : 1).map((typed) => read(`<${name}>`, reader, typed, now));
    if (arity === 'one' && taken.length === 0) throw new UsageError(`<${name}> is missing: ${reader.mustBe}.`);
    values[name] = arity === 'many' ? taken : taken[0];
  }
  if (left.length > 0) throw new UsageError(`Too much: ${left.join(' ')}. (Quote a text that has blanks.)`);
  return values;
}

function read(name: string, reader: Reader<unknown>, typed: string, now: number): unknown {
  const value = reader.read(typed, now);
  if (value !== undefined) return value;
  throw new UsageError(`${name} must be ${reader.mustBe}; it is "${typed}".${didYouMean(typed, reader.known ?? [])}`);
}

/** `<queue> <id> [payload]`. */
export function argumentNames(declared: Readonly<Record<string, Argument<unknown>>>): string {
  const shown = { one: (name: string) => `<${name}>`, optional: (name: string) => `[${name}]`, many: (name: string) => `[${name} …]` };
  return Object.entries(declared)
    .map(([name, { arity }]) => shown[arity](name))
    .join(' ');
}
