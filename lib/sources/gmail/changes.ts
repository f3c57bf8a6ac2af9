import type { HistoryPage, Mailbox } from '../../mail/contract.ts';
import { CursorLostError, type SourcePage } from '../contract.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { itemOf } from './listing.ts';
import type { Scope } from './scope.ts';

interface Following {
  mailbox: Mailbox;
  scope: () => Promise<Scope>;
  /** A search narrows the source: whether a mail meets it is not told by history. */
  searches: boolean;
}

/** What has happened since the cursor. Throws `CursorLostError`: Gmail has forgotten it, or something has happened to a mailbox that is searched. */
export async function* followMailbox({ mailbox, scope, searches }: Following, cursor: string): AsyncGenerator<SourcePage> {
  const since = readCursor(cursor).historyId;
  let pageToken: string | undefined;
  do {
    const page = await mailbox.history({ since, ...(pageToken ? { pageToken } : {}) });
    if (!page) throw new CursorLostError('expired');
    if (searches && !isQuiet(page)) throw new CursorLostError('query');
    const changes = isQuiet(page) ? { upserts: [], deletes: [] } : sorted(page, await scope());
    pageToken = page.nextPageToken;
    yield { ...changes, nextCursor: writeCursor({ historyId: page.historyId }), complete: pageToken === undefined };
  } while (pageToken);
}

const isQuiet = ({ added, deleted, labels }: HistoryPage): boolean => added.length + deleted.length + labels.length === 0;

/** What came into the scope, and what left it. */
function sorted({ added, deleted, labels, labelsNow }: HistoryPage, scope: Scope): Pick<SourcePage, 'upserts' | 'deletes'> {
  const came = new Set(added);
  const left = new Set(deleted);
  for (const id of added) if (!scope.holds(labelsNow.get(id) ?? scope.labels)) came.delete(id);
  for (const change of labels.filter((one) => scope.heeds([...one.added, ...one.removed]))) {
    // A server that does not tell all labels leaves those that changed to judge by; whoever reads the mail sees the others.
    const now = labelsNow.get(change.id) ?? [...scope.labels.filter((label) => !change.removed.includes(label)), ...change.added];
    if (scope.holds(now)) came.add(change.id);
    else left.add(change.id);
  }
  return { upserts: [...came].filter((id) => !left.has(id)).map(itemOf), deletes: [...left].map((ref) => ({ ref })) };
}
