import type { Clock } from '../lib/clock.ts';
import type { Environment } from '../lib/config/environment.ts';
import type { Api } from './api.ts';

/** How the text of an argument or option is read. */
export interface Reader<T> {
  /** Stands for the value in help texts, for example `time`. */
  placeholder: string;
  /** Completes "… must be". */
  mustBe: string;
  /** The only values there are, where they can be listed: for "did you mean". */
  known?: readonly string[];
  /** Undefined: not such a value. `now` in milliseconds since the epoch. */
  read(text: string, now: number): T | undefined;
}

export interface Argument<T> {
  arity: 'one' | 'optional' | 'many';
  reader: Reader<unknown>;
  meaning: string;
  /** The type of the value; never there at run time. */
  readonly type?: T;
}

export interface Option<T> {
  /** Absent: a flag. */
  reader?: Reader<T>;
  meaning: string;
}

/** What a command has found out or done. */
export interface Outcome {
  /** For `--json`. */
  data: unknown;
  /** For people. */
  text: string;
  /** False: exit code 1, although nothing went wrong on the way (a job that has failed, an error found). Default true. */
  ok?: boolean;
}

/** Where a process reads and writes; a test may put anything there. */
export interface Terminal {
  env: Environment;
  clock: Clock;
  input: AsyncIterable<Uint8Array | string>;
  /** Of the window; undefined where the output goes into a pipe or file: then nothing is cut off. */
  columns: number | undefined;
  out(text: string): void;
  err(text: string): void;
}

export interface Context extends Terminal {
  json: boolean;
  /** Connects at the first call. Throws where nothing says where the API is. */
  api(): Promise<Api>;
}

export interface Command {
  /** As typed, for example `dead-letters list`. */
  name: string;
  summary: string;
  /** Further sentences for its help. */
  details: readonly string[];
  examples: readonly string[];
  /** In the order typed. */
  arguments: Readonly<Record<string, Argument<unknown>>>;
  options: Readonly<Record<string, Option<unknown>>>;
  run(argumentsGiven: Record<string, unknown>, optionsGiven: Record<string, unknown>, context: Context): Promise<Outcome>;
}

type Arguments = Readonly<Record<string, Argument<unknown>>>;
type Options = Readonly<Record<string, Option<unknown>>>;
type ArgumentValues<A> = { [K in keyof A]: A[K] extends Argument<infer T> ? T : never };
export type OptionValues<O> = { [K in keyof O]?: O[K] extends Option<infer T> ? T : never };

interface Declaration<A extends Arguments, O extends Options> {
  name: string;
  summary: string;
  details?: readonly string[];
  examples?: readonly string[];
  arguments?: A;
  options?: O;
  run(argumentsGiven: ArgumentValues<A>, optionsGiven: OptionValues<O>, context: Context): Promise<Outcome>;
}

/** Declared once: parsing, help and "did you mean" follow from it. */
export function defineCommand<A extends Arguments = Record<never, never>, O extends Options = Record<never, never>>({
  run,
  ...declared
}: Declaration<A, O>): Command {
  return {
    details: [],
    examples: [],
    arguments: {},
    options: {},
    ...declared,
    // `parse` reads the values by this very declaration.
    run: (given, options, context) => run(given as ArgumentValues<A>, options as OptionValues<O>, context),
  };
}

export const argument = <T>(reader: Reader<T>, meaning: string): Argument<T> => ({ arity: 'one', reader, meaning });
export const optionalArgument = <T>(reader: Reader<T>, meaning: string): Argument<T | undefined> => ({ arity: 'optional', reader, meaning });
/** All that follow; may be none. */
export const manyArguments = <T>(reader: Reader<T>, meaning: string): Argument<T[]> => ({ arity: 'many', reader, meaning });
export const option = <T>(reader: Reader<T>, meaning: string): Option<T> => ({ reader, meaning });
export const flag = (meaning: string): Option<true> => ({ meaning });
