import type { z } from 'zod';
import { InvalidInputError } from './errors.ts';
import type { JobDefinition } from './jobs/define.ts';

/** What the kind makes of a payload. Throws `InvalidInputError`, naming each field that does not parse; `where` stands before the fields' names. */
export function parsePayload({ payload: schema, name }: Pick<JobDefinition, 'payload' | 'name'>, payload: unknown, where?: string): unknown {
  const parsed = schema.safeParse(payload);
  if (parsed.success) return parsed.data;
  throw invalidInput(`payload of ${name}`, parsed.error, where);
}

export function invalidInput(what: string, error: z.ZodError, where?: string): InvalidInputError {
  const issues = error.issues.map(({ path, message }) => ({ path: [...(where ? [where] : []), ...path].join('.'), message }));
  const list = issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ');
  return new InvalidInputError(`Invalid ${what}: ${list}`, issues);
}
