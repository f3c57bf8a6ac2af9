import { z } from 'zod';

/** What is known of a variable besides its type; `.env.example` is made from it. */
export interface About {
  /** What it does and what goes wrong at the extremes; units included. */
  meaning: string;
  /** As it would stand in `.env`. */
  default?: string;
  /** Never shown; may come from the file that `<NAME>_FILE` names. */
  secret?: boolean;
  /** May come from a file although it is no secret. */
  file?: boolean;
  /** Other names for the same thing, read when the first is not set. */
  aliases?: readonly string[];
}

const registry = z.registry<About>();

/** A type whose input is the text in the environment. */
export type FromText<T = unknown> = z.ZodType<T, string>;

export function variable<S extends FromText>(type: S, about: About & { default: string }): z.ZodPrefault<S>;
export function variable<S extends FromText>(type: S, about: About): z.ZodOptional<S>;
export function variable(type: FromText, about: About): z.ZodType {
  const schema = about.default === undefined ? type.optional() : type.prefault(about.default);
  return schema.register(registry, about);
}

export function aboutOf(schema: z.core.$ZodType): About {
  const about = registry.get(schema);
  if (about === undefined) throw new Error('Every variable is declared with variable()');
  return about;
}

/** Without the keys that are undefined, so that "not set" is one thing only. */
export function compact<T extends object>(value: T): Compact<T> {
  // Object.fromEntries forgets which keys there were.
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as Compact<T>;
}

export type Compact<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};
