import { z } from 'zod';

const id = z.string().regex(/^[\w-]{1,200}$/, 'must be an id of Google Drive, as in the address of the folder');

export const driveSettings = z.strictObject({
  /** With all that is below it. Default: the whole of My Drive (`root`), or of the shared drive. */
  folderId: id.optional(),
  /** A shared drive. */
  driveId: id.optional(),
  /** What Google's own documents are turned into. Default: Word, Excel and PowerPoint; drawings always become PDF. */
  exportAs: z
    .strictObject({
      documents: z.enum(['docx', 'pdf']).optional(),
      spreadsheets: z.enum(['xlsx', 'pdf']).optional(),
      presentations: z.enum(['pptx', 'pdf']).optional(),
    })
    .optional(),
});
export type DriveSettings = z.infer<typeof driveSettings>;
