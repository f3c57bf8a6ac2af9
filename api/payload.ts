import { InvalidInputError } from '../lib/errors.ts';
import type { JobDefinition } from '../lib/jobs/define.ts';

/** What the kind makes of a payload, before anything is stored or charged. Throws `InvalidInputError`, naming each field below `where`. */
export function parsePayload({ payload: schema, name }: Pick<JobDefinition, 'payload' | 'name'>, payload: unknown, where: string): unknown {
  const parsed = schema.safeParse(payload);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => ({ path: [where, ...path].join('.'), message }));
  const list = issues.map(({ path, message }) => `${path}: ${message}`).join('; ');
  throw new InvalidInputError(`Invalid payload of ${name}: ${list}`, issues);
}
