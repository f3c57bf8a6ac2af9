import { createHash } from 'node:crypto';
import type { DealSource } from '../db/source-types.ts';
import type { SourceItem } from './contract.ts';

/** Where a version of a file is kept: the same place whoever reads it, so that a run that is repeated leaves nothing behind. */
export function filePath({ id, dealId }: Pick<DealSource, 'id' | 'dealId'>, { ref, version }: Pick<SourceItem, 'ref' | 'version'>): string {
  return `deals/${dealId}/sources/${id}/${hashOf(ref)}-${hashOf(version)}`;
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);
