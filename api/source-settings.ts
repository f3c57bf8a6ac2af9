/** What of an account a source takes, as callers say it. */
import { isDeepStrictEqual } from 'node:util';
import type { DealSource } from '../lib/db/source-types.ts';
import { InvalidInputError, PermanentError } from '../lib/errors.ts';
import type { SourceKind } from '../lib/sources/contract.ts';
import { type commonSettings, splitSettings } from '../lib/sources/settings.ts';

/** Loaded with the first call that needs it. */
export const kindOf = async (type: DealSource['sourceType']): Promise<SourceKind> => (await import('../lib/sources/index.ts')).sourceKind(type);

type Settings = DealSource['settings'];

/** With them or without: the same items. */
const ASIDE: readonly (keyof typeof commonSettings.shape)[] = ['pollMinutes', 'deletes'];

/** As they are stored. Throws `InvalidInputError`, naming each field as `body.settings.<field>`. */
export function readSettings(kind: SourceKind, given: Settings): Settings {
  try {
    const { common, own } = splitSettings(kind, given);
    // What has passed a kind's schema of settings is an object.
    return { ...common, ...(own as object) };
  } catch (error) {
    throw error instanceof PermanentError ? inBody(error) : error;
  }
}

/** Other settings that name the same items change when a source is read, not what. */
export function namesOthers(before: Settings, after: Settings): boolean {
  return !isDeepStrictEqual(withoutAside(before), withoutAside(after));
}

const withoutAside = (settings: Settings): Settings =>
  Object.fromEntries(Object.entries(settings).filter(([name]) => !ASIDE.some((aside) => aside === name)));

function inBody({ message, details }: PermanentError): InvalidInputError {
  // Made by `splitSettings`.
  const issues = (details?.issues ?? []) as { path: string; message: string }[];
  const named = issues.map((issue) => ({ ...issue, path: `body.${issue.path}` }));
  return new InvalidInputError(named.length > 0 ? `Invalid input: ${named.map((one) => `${one.path}: ${one.message}`).join('; ')}` : message, named);
}

/** What people call what is synced: site, library, folders, labels, query. Ids say nothing to people. */
export function nameOf({ label }: Pick<SourceKind, 'label'>, settings: Settings): string {
  const { siteUrl, library, folder, folders, labelIds, query } = settings;
  const place = [lastSegment(siteUrl), library, folder].filter(isText).join('/');
  const parts = [place, ...textsOf(folders), ...textsOf(labelIds), query].filter(isText);
  return parts.length === 0 ? label : `${label}: ${parts.join(', ')}`.slice(0, LONGEST_NAME);
}

export const LONGEST_NAME = 200;
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const textsOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const lastSegment = (url: unknown): string | undefined => (isText(url) ? URL.parse(url)?.pathname.split('/').filter(Boolean).at(-1) : undefined);
