/** The query options and preferences that all collections share. */
import { badRequest, type Call, type Reply } from './http.ts';

/** `$select` and `select` are the same; names of options are not case-sensitive. */
export function option({ query }: Call, name: string): string | undefined {
  const wanted = name.replace(/^\$/, '').toLowerCase();
  for (const [key, value] of query) if (key.replace(/^\$/, '').toLowerCase() === wanted) return value;
  return undefined;
}

/** Undefined: all. */
export function readSelect(call: Call, known: ReadonlySet<string>, type: string): string[] | undefined | Reply {
  const names = option(call, '$select')
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== '*');
  if (!names?.length) return undefined;
  const stranger = names.find((name) => !known.has(name));
  if (stranger === undefined) return names;
  return badRequest(`Parsing OData Select and Expand failed: Could not find a property named '${stranger}' on type '${type}'.`);
}

/** Undefined where it is not given. */
export function readCount(call: Call, name: '$top' | '$skip', most = Number.MAX_SAFE_INTEGER): number | undefined | Reply {
  const given = option(call, name);
  if (given === undefined) return undefined;
  const count = Number(given);
  if (!/^\d+$/.test(given) || (name === '$top' && count < 1)) return badRequest(`Invalid value '${given}' for ${name} query option found.`);
  return Math.min(count, most);
}

export function selected(resource: Readonly<Record<string, unknown>>, names: readonly string[] | undefined): Record<string, unknown> {
  if (!names) return { ...resource };
  const entries = Object.entries(resource).filter(([name]) => names.includes(name) || name === 'id' || /^@odata\.(type|etag)$|^@removed$/.test(name));
  return Object.fromEntries(entries);
}

export interface Preferences {
  immutableIds: boolean;
  textBodies: boolean;
  maxPageSize: number | undefined;
  /** For the header `Preference-Applied`. */
  applied: Record<string, string>;
}

export function readPreferences({ headers }: Call): Preferences {
  const given = (headers.prefer ?? '').split(/[,;]/).map((one) => one.trim());
  const immutable = given.find((one) => /^IdType\s*=\s*"?ImmutableId"?$/i.test(one));
  const text = given.find((one) => /^outlook\.body-content-type\s*=\s*"?text"?$/i.test(one));
  const size = given.map((one) => /^odata\.maxpagesize\s*=\s*(\d+)$/i.exec(one)?.[1]).find((found) => found !== undefined);
  const applied = [immutable && 'IdType="ImmutableId"', text && 'outlook.body-content-type="text"', size && `odata.maxpagesize=${size}`];
  const told = applied.filter((one) => one !== undefined && one !== '').join(', ');
  return {
    immutableIds: immutable !== undefined,
    textBodies: text !== undefined,
    maxPageSize: size === undefined || Number(size) < 1 ? undefined : Number(size),
    applied: told === '' ? {} : { 'preference-applied': told },
  };
}
