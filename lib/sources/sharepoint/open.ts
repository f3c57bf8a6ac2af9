import { PermanentError } from '../../errors.ts';
import { refusalOf } from '../../provider-failure.ts';
import { ItemError, type OpenedFile, type SourceItem } from '../contract.ts';
import type { Graph } from '../graph/contract.ts';
import type { Handle } from './item.ts';
import type { Place } from './place.ts';

const REQUEST = { method: 'drive item content' };

/** By the address in the listing, which is good for an hour or so; after that by the item's own. Undefined: it is gone. */
export async function openItem(graph: Graph, place: () => Promise<Place>, item: SourceItem): Promise<OpenedFile | undefined> {
  try {
    const address = addressOf(item);
    const found = address === undefined ? undefined : await graph.download({ signedUrl: address }, REQUEST);
    const file = found ?? (await graph.download({ path: `${(await place()).drive}/items/${encodeURIComponent(item.ref)}/content` }, REQUEST));
    if (!file) return undefined;
    return { name: item.name, mimeType: item.mimeType ?? file.mimeType, sizeBytes: file.sizeBytes, content: file.content };
  } catch (error) {
    throw itemErrorOf(error) ?? error;
  }
}

function addressOf({ handle }: SourceItem): string | undefined {
  // What `sourceItemOf` has put there.
  return (handle as Handle | undefined)?.downloadUrl;
}

/** The listing was allowed: what is refused now is this file. */
function itemErrorOf(error: unknown): ItemError | undefined {
  const refusal = refusalOf(error);
  if (!refusal || !(error instanceof PermanentError)) return undefined;
  const { status, reason } = refusal;
  if (/malware|virus/i.test(reason)) return new ItemError('Microsoft has found malware in it and does not hand it out');
  if (status === 423) return new ItemError('it is locked in SharePoint');
  if (status === 401) return undefined;
  return new ItemError(`SharePoint does not hand it out (status ${status}, ${reason})`);
}
