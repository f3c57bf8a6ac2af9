import { PermanentError } from '../../errors.ts';
import { isMissing } from './failure.ts';
import { FOLDER_TYPE, SHORTCUT_TYPE } from './item.ts';
import type { DriveFile, DriveMethods } from './methods.ts';
import type { DriveSettings } from './settings.ts';

/** What is synced: all of a drive, or a folder. */
export interface Scope {
  rootId: string;
  driveId: string | undefined;
  whole: boolean;
}

/**
 * Looks whether it is there: a folder that the account cannot see lists as an empty one, and must not pass for one whose files are all deleted.
 * Throws `PermanentError` `source_missing`.
 */
export async function findScope(methods: DriveMethods, { folderId, driveId }: DriveSettings): Promise<Scope> {
  const isDrive = driveId !== undefined && (folderId === undefined || folderId === 'root' || folderId === driveId);
  const asked = isDrive ? driveId : (folderId ?? 'root');
  const root = await methods.get(asked, ['id', 'mimeType', 'trashed', 'driveId']).catch((error: unknown) => {
    throw isMissing(error) ? missing(nothingAt(isDrive)) : error;
  });
  const rootId = root.id ?? asked;
  if (isDrive) return { rootId, driveId, whole: true };
  const wrong = wrongWith(root, driveId);
  if (wrong !== undefined) throw missing(wrong);
  return { rootId, driveId: root.driveId ?? undefined, whole: asked === 'root' || rootId === root.driveId };
}

function wrongWith({ mimeType, trashed, driveId }: DriveFile, askedDriveId: string | undefined): string | undefined {
  if (mimeType === SHORTCUT_TYPE) return 'The folder of this source is a shortcut: name the folder that it leads to in `folderId`';
  if (mimeType !== FOLDER_TYPE) return 'What `folderId` names is no folder';
  if (trashed) return 'The folder of this source is in the trash: restore it, or name another one in `folderId`';
  if (askedDriveId !== undefined && driveId !== askedDriveId) return 'The folder of this source is not in the shared drive that `driveId` names';
  return undefined;
}

function nothingAt(drive: boolean): string {
  const [what, field] = drive ? ['shared drive', 'driveId'] : ['folder', 'folderId'];
  return `The ${what} of this source is not there, or the account may not see it: share it with the account, or name another one in \`${field}\``;
}

function missing(message: string): PermanentError {
  return new PermanentError(message, { code: 'source_missing' });
}
