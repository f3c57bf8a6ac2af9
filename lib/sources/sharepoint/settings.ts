import { z } from 'zod';

/** A folder inside the library: `Contracts/2026`. */
const folder = z
  .string()
  .trim()
  .max(400)
  .transform((path) => path.split('/').filter((part) => part !== ''))
  .refine((parts) => parts.length > 0 && parts.every((part) => !/^\.{1,2}$/.test(part)), 'must be a path inside the library, such as Contracts/2026')
  .transform((parts) => parts.join('/'));

/** Without a site and a drive: the account's own OneDrive. */
export const sharepointSettings = z
  .strictObject({
    /** `https://contoso.sharepoint.com/sites/nova`. */
    siteUrl: z
      .url({ protocol: /^https$/, error: 'must be the address of a site, such as https://contoso.sharepoint.com/sites/nova' })
      .max(2_000)
      .optional(),
    /** As Graph names it: `contoso.sharepoint.com,<guid>,<guid>`. */
    siteId: z
      .string()
      .regex(/^[\w.,-]{1,300}$/, 'must be the id of a site')
      .optional(),
    /** By its name, such as `Documents`. Default: the site's own. */
    library: z.string().trim().min(1).max(200).optional(),
    /** Instead of a site and a library. */
    driveId: z
      .string()
      .regex(/^[\w!-]{1,300}$/, 'must be the id of a drive')
      .optional(),
    folder: folder.optional(),
  })
  .refine(({ siteUrl, siteId }) => siteUrl === undefined || siteId === undefined, { path: ['siteId'], error: 'must be left out beside siteUrl' })
  .refine(({ siteUrl, siteId, driveId }) => driveId === undefined || (siteUrl ?? siteId) === undefined, {
    path: ['driveId'],
    error: 'must be left out beside siteUrl and siteId',
  })
  .refine(({ siteUrl, siteId, library }) => library === undefined || (siteUrl ?? siteId) !== undefined, {
    path: ['library'],
    error: 'must go with siteUrl or siteId',
  });
export type SharepointSettings = z.infer<typeof sharepointSettings>;
