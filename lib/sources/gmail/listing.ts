import type { Mailbox } from '../../mail/contract.ts';
import { refusalOf } from '../../provider-failure.ts';
import { CursorLostError, type SourceItem, type SourcePage } from '../contract.ts';
import { readCursor, writeCursor } from './cursor.ts';
import type { Scope } from './scope.ts';

/** Google's longest page. */
const PAGE = 500;

/** Every mail of the scope, newest first. What happens meanwhile comes after it: the history id is older than the listing. */
export async function* listMailbox(mailbox: Mailbox, scope: () => Promise<Scope>, cursor: string | undefined): AsyncGenerator<SourcePage> {
  const resumed = cursor === undefined ? undefined : readCursor(cursor);
  const { labels, query } = await scope();
  const historyId = resumed?.historyId ?? (await mailbox.profile()).historyId;
  let pageToken = resumed?.pageToken;
  do {
    const page = await mailbox
      .list({ limit: PAGE, labelIds: labels, query, ...(pageToken ? { pageToken } : {}) })
      .catch((error: unknown) => rejectToken(error, pageToken));
    pageToken = page.nextPageToken;
    const nextCursor = writeCursor({ historyId, ...(pageToken ? { pageToken } : {}) });
    yield { upserts: page.ids.map(itemOf), deletes: [], nextCursor, complete: pageToken === undefined };
  } while (pageToken);
}

/** The same listing went through without the token, so it is the token that Gmail does not take. */
function rejectToken(error: unknown, pageToken: string | undefined): never {
  if (pageToken !== undefined && refusalOf(error)?.status === 400) throw new CursorLostError('page_token');
  throw error;
}

/** A mail never changes: it is read once. */
export function itemOf(id: string): SourceItem {
  return {
    ref: id,
    kind: 'email',
    version: '1',
    name: '',
    place: null,
    path: null,
    mimeType: null,
    sizeBytes: null,
    modifiedAt: null,
    url: `https://mail.google.com/mail/#all/${encodeURIComponent(id)}`,
  };
}
