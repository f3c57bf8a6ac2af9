import type { Config } from '../lib/config.ts';
import type { FileStorage } from '../lib/storage/contract.ts';
import { createFolderStorage } from '../lib/storage/folder.ts';
import { createSupabaseStorage } from '../lib/storage/supabase.ts';
import type { Connections } from './connections.ts';

/** Where this installation keeps its files. Nothing is opened, made or asked before the first file comes. */
export function createStorage({ storage, mode }: Pick<Config, 'storage' | 'mode'>, { temporary }: Pick<Connections, 'temporary'>): FileStorage {
  if (storage.kind === 'temporary') return createFolderStorage(temporary.folder());
  if (storage.kind === 'folder') return createFolderStorage(storage.folder);
  if (mode.kind !== 'services' || mode.database.kind !== 'supabase') throw new Error('Only a Supabase project has Supabase Storage');
  const { url, serviceRoleKey: serviceKey } = mode.database;
  return createSupabaseStorage({ url, serviceKey, bucket: storage.bucket });
}
