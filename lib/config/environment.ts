import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { messageOf } from '../errors.ts';
import { queueNames } from '../jobs/index.ts';
import { nearest } from './did-you-mean.ts';
import { type About, aboutOf } from './variable.ts';
import { queueSettingNames, queueSettings, queueVariable } from './variables/queues.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Reading<T> {
  /** Variables that do not parse are left out, as if they were not set. */
  values: T;
  /** Variables that are set, under their first name; also those that do not parse. */
  named: ReadonlySet<string>;
  /** One sentence each. */
  problems: string[];
}

interface Declared {
  name: string;
  about: About;
  /** Where its text goes in the schema's input. */
  path: readonly string[];
}

/** What one variable was set to, and under which of its names. */
interface Text {
  name: string;
  text: string;
}

type NestedText = { [key: string]: string | NestedText };

/** Parses all variables of `schema`; never throws for what the environment holds. */
export function readEnvironment<S extends z.ZodObject>(schema: S, env: Environment): Reading<z.output<S>> {
  const declared = declaredIn(schema);
  const problems: string[] = [];
  const texts = new Map<Declared, Text>();
  for (const one of declared) {
    const text = readText(one, env, problems);
    if (text !== undefined) texts.set(one, text);
  }
  const named = new Set([...texts.keys()].map(({ name }) => name));
  const first = schema.safeParse(inputOf(texts));
  if (first.success) return { values: first.data, named, problems };

  for (const one of [...texts.keys()]) {
    const issue = first.error.issues.find(({ path }) => one.path.every((key, index) => path[index] === key));
    if (issue === undefined) continue;
    problems.push(explain(one.about, issue.message, texts.get(one)));
    texts.delete(one);
  }
  return { values: schema.parse(inputOf(texts)), named, problems };
}

/** Names in `env` that look like slips of ours, as problems. */
export function findSlips(schema: z.ZodObject, env: Environment, allowed: readonly string[] = []): string[] {
  const known = declaredIn(schema).flatMap(namesOf);
  return Object.keys(env).flatMap((name) => {
    if (known.includes(name) || allowed.includes(name) || env[name] === undefined || name.startsWith('npm_')) return [];
    const meant = nearest(name, known);
    if (meant !== undefined)
      return [`${name} is unknown: did you mean ${meant}? (If it belongs to something else: HIVEPULSE_ALLOW_VARIABLES=${name})`];
    return name.startsWith('HIVEPULSE_') ? [`${name} is unknown: there is no such variable`] : [];
  });
}

/** Every name that `schema` reads, aliases and `_FILE` included, and what is known about it. */
export function declaredIn(schema: z.ZodObject): Declared[] {
  const { queues, ...shape } = schema.shape;
  const plain = Object.entries(shape).map(([name, type]) => ({ name, about: aboutOf(type), path: [name] }));
  if (queues === undefined) return plain;
  const perQueue = queueNames.flatMap((queue) =>
    queueSettingNames.map((setting) => ({
      name: queueVariable(queue, setting),
      about: aboutOf(queueSettings.shape[setting]),
      path: ['queues', queue, setting],
    })),
  );
  return [...plain, ...perQueue];
}

export function namesOf({ name, about }: Pick<Declared, 'name' | 'about'>): string[] {
  const names = [name, ...(about.aliases ?? [])];
  return about.secret || about.file ? names.flatMap((one) => [one, `${one}_FILE`]) : names;
}

function readText(one: Declared, env: Environment, problems: string[]): Text | undefined {
  for (const name of [one.name, ...(one.about.aliases ?? [])]) {
    const written = tidy(env[name], one.about);
    const file = one.about.secret || one.about.file ? tidy(env[`${name}_FILE`], {}) : undefined;
    if (written !== undefined && file !== undefined) problems.push(`${name} and ${name}_FILE are both set: remove one`);
    if (written !== undefined) return { name, text: written };
    if (file !== undefined) return readSecretFile(`${name}_FILE`, file, problems);
  }
  return undefined;
}

function readSecretFile(name: string, path: string, problems: string[]): Text | undefined {
  try {
    const content = readFileSync(path, 'utf8').trim();
    if (content === '') problems.push(`${name} names ${path}, which is empty`);
    return content === '' ? undefined : { name, text: content };
  } catch (error) {
    problems.push(`${name} names ${path}, which cannot be read (${messageOf(error)})`);
    return undefined;
  }
}

/**
 * `docker run --env-file` and others hand quotes and comments on as part of the value. Kubernetes sets REDIS_PORT=tcp://… for a service called
 * redis, which says nothing. Empty means not set.
 */
function tidy(written: string | undefined, about: Partial<About>): string | undefined {
  const trimmed = written?.trim() ?? '';
  const [, , quoted] = /^(["'`])([\s\S]*)\1(?:\s+#.*)?$/.exec(trimmed) ?? [];
  const value = quoted ?? (about.secret ? trimmed : trimmed.replace(/(^|\s+)#.*$/, ''));
  return value === '' || /^tcp:\/\//.test(value) ? undefined : value;
}

function explain(about: About, mustBe: string, set: Text | undefined): string {
  const shown = about.secret || about.file ? '' : `; it is "${set?.text}"`;
  return `${set?.name} must be ${mustBe}${shown}`;
}

function inputOf(texts: ReadonlyMap<Declared, Text>): NestedText {
  const input: NestedText = { queues: Object.fromEntries(queueNames.map((queue) => [queue, {}])) };
  for (const [{ path }, { text }] of texts) {
    let target = input;
    for (const key of path.slice(0, -1)) {
      const next = target[key];
      if (typeof next === 'object') target = next;
    }
    const last = path.at(-1);
    if (last !== undefined) target[last] = text;
  }
  return input;
}
