/** What all sources can be told, whatever their kind. */
import { z } from 'zod';
import { PermanentError } from '../errors.ts';
import type { SourceKind } from './contract.ts';

const MIB = 1024 * 1024;

export const commonSettings = z.strictObject({
  /** Endings of files that are taken, such as `pdf`; absent: all. */
  types: z
    .array(z.string().regex(/^\.?[A-Za-z0-9]{1,16}$/, 'must be endings such as pdf'))
    .max(100)
    .optional(),
  /** Larger files are left out. Default: `DOCUMENT_LIMIT_BYTES`. */
  maxBytes: z
    .int()
    .min(1)
    .max(50 * 1024 * MIB)
    .optional(),
  /** What becomes of a document or mail that is gone from its source: `follow` (gone here, too; the default) or `keep`. */
  deletes: z.enum(['follow', 'keep'], 'must be follow or keep').optional(),
  /** Without notices the source is asked so often; with them, four times as rarely. Default 15. */
  pollMinutes: z.int().min(1).max(1_440).optional(),
});
export type CommonSettings = z.infer<typeof commonSettings>;

/** What of a source's settings all sources have, and what its kind has of its own. Throws `PermanentError` `source_settings`: plain SQL may have put there anything. */
export function splitSettings<S>(
  kind: Pick<SourceKind<S>, 'label' | 'settings'>,
  settings: Readonly<Record<string, unknown>>,
): { common: CommonSettings; own: S } {
  const parts = Object.entries(settings);
  const isCommon = ([name]: [string, unknown]): boolean => Object.hasOwn(commonSettings.shape, name);
  const common = commonSettings.safeParse(Object.fromEntries(parts.filter(isCommon)));
  const own = kind.settings.safeParse(Object.fromEntries(parts.filter((part) => !isCommon(part))));
  if (common.success && own.success) return { common: common.data, own: own.data };
  const issues = [...(common.error?.issues ?? []), ...(own.error?.issues ?? [])].map(({ path, message, ...rest }) => ({
    path: ['settings', ...path, ...unknownKey(rest)].join('.'),
    message,
  }));
  const told = issues.map(({ path, message }) => `${path}: ${message}`).join('; ');
  throw new PermanentError(`The settings of this ${kind.label} source cannot be used: ${told}`, { code: 'source_settings', details: { issues } });
}

const unknownKey = (issue: object): string[] => ('keys' in issue && Array.isArray(issue.keys) ? issue.keys.slice(0, 1).map(String) : []);
