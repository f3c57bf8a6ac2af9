/** The kinds of sources. One more is a folder with a file of the shape of `SourceKind`, a line here and a word in `lib/jobs/source-sync.ts`. */
import type { SourceType } from '../jobs/source-sync.ts';
import type { SourceKind } from './contract.ts';
import { gdrive } from './gdrive/index.ts';
import { gmail } from './gmail/index.ts';
import { outlook } from './outlook/index.ts';
import { sharepoint } from './sharepoint/index.ts';

const kinds: { [T in SourceType]: SourceKind & { type: T } } = { gdrive, sharepoint, gmail, outlook };

export function sourceKind(type: SourceType): SourceKind {
  return kinds[type];
}
