import { z } from 'zod';

export interface OutlookSettings {
  /** Paths of names as people see them, such as `Deals/Nova`, or well-known names, such as `inbox`. Absent: all but drafts, deleted, junk and the like. */
  folders?: string[] | undefined;
  /** Folders within those that are named, too. Default true. */
  includeSubfolders?: boolean | undefined;
  /** ISO day or time: mails received from then on. */
  since?: string | undefined;
}

export const outlookSettings: z.ZodType<OutlookSettings> = z.strictObject({
  folders: z.array(z.string().trim().min(1).max(1_000)).min(1).max(100).optional(),
  includeSubfolders: z.boolean().optional(),
  since: z.union([z.iso.date(), z.iso.datetime({ offset: true })], 'must be a day such as 2026-01-31, or a time').optional(),
});

/** As Graph's filters take it. */
export const sinceOf = ({ since }: OutlookSettings): string | undefined =>
  since === undefined ? undefined : new Date(since).toISOString().replace(/\.\d+Z$/, 'Z');
