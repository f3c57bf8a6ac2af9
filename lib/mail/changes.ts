import type { HistoryPage } from './contract.ts';
import type { Fetched, Fetching } from './fetch.ts';
import { readMessages } from './read.ts';

/**
 * Follows a mailbox from the history id it was left at: reads what came, removes what is gone, keeps labels right. The id moves on with each page
 * that is stored, so that a crash repeats one page at most. Undefined: Google does not know the id any more.
 */
export async function followChanges(fetching: Fetching, since: string): Promise<Fetched | undefined> {
  const { mailbox, maxResults, tally, progress, signal } = fetching;
  const followed: Fetched = { mode: 'incremental', found: 0, stored: 0, more: false, historyId: since };
  progress({ progress: 0, total: 0, current_step: 'Asking what has changed' });
  let pageToken: string | undefined;
  do {
    signal.throwIfAborted();
    const page = await mailbox.history({ since, ...(pageToken ? { pageToken } : {}) });
    if (!page) return undefined;
    followed.stored = await storePage(page, fetching);
    followed.historyId = page.historyId;
    pageToken = page.nextPageToken;
  } while (pageToken && tally.fetched < maxResults);
  return { ...followed, found: tally.found, more: pageToken !== undefined };
}

/** Out of the trash, or out of spam: a listing that left it out may have removed it. */
const isBack = ({ removed }: HistoryPage['labels'][number]): boolean => removed.includes('TRASH') || removed.includes('SPAM');

/** Answers how many messages of the account are stored. */
async function storePage({ added, deleted, labels, historyId }: HistoryPage, fetching: Fetching): Promise<number> {
  const { mailboxes, connection, tally, progress, run, log } = fetching;
  const came = [...new Set([...added, ...labels.filter(isBack).map(({ id }) => id)])];
  const known = await mailboxes.cached(connection.userId, came);
  const missing = came.filter((id) => !known.has(id));
  log.info({ added: came.length, cached: known.size, deleted: deleted.length, relabelled: labels.length }, 'changes found');
  const total = tally.found + came.length;
  const before = total - missing.length - tally.fetched - tally.gone - tally.failed;
  await readMessages(
    missing,
    ({ number, of }) =>
      progress({ progress: before + tally.fetched + tally.gone + tally.failed, total, current_step: `Fetching batch ${number}/${of}...` }),
    fetching,
  );
  progress({ progress: total, total, current_step: 'Saving' });
  const recorded = await mailboxes.record(run, { deleted, labels, historyId });
  tally.found += came.length;
  tally.deleted += recorded.deleted;
  tally.relabelled += recorded.relabelled;
  return recorded.messages;
}
