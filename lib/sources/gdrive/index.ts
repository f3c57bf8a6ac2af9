/**
 * Google Drive, through Google's own client: My Drive, a shared drive, or a folder with all that is below it. `listing.ts` tells what is there,
 * `changes.ts` what has happened since, both with the tree of folders (`folders.ts`) that decides what belongs to the source.
 */
import type { SourceKind } from '../contract.ts';
import { type DriveSettings, driveSettings } from './settings.ts';

export const gdrive: SourceKind<DriveSettings> & { type: 'gdrive' } = {
  type: 'gdrive',
  label: 'Google Drive',
  provider: 'google',
  access: 'files',
  settings: driveSettings,
  connect: async (options, deps) => (await import('./connector.ts')).connectDrive(options, deps),
};
