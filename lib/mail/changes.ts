import type { HistoryPage } from './contract.ts';
import type { Fetched, Fetching } from './fetch.ts';
import { readMessages } from './read.ts';

/**
 * Follows a mailbox from the history id it was left at: reads what came, removes what is gone, keeps labels right. The id moves on with each page
 * that is stored, so that a crash repeats one page at most. Undefined: Google does not know the id any more.
 */
export async function followChanges(fetching: Fetching, since: string): Promise<Fetched | undefined> {
  const { mailbox, maxResults, progress, signal } = fetching;
  const totals: Fetched = {
    mode: 'incremental',
    found: 0,
    cached: 0,
    fetched: 0,
    gone: 0,
    failed: 0,
    deleted: 0,
    relabelled: 0,
    stored: 0,
    more: false,
    historyId: since,
  };
  progress({ progress: 0, total: 0, current_step: 'Asking what has changed' });
  let pageToken: string | undefined;
  do {
    signal.throwIfAborted();
    const page = await mailbox.history({ since, ...(pageToken ? { pageToken } : {}) });
    if (!page) return undefined;
    await storePage(page, totals, fetching);
    pageToken = page.nextPageToken;
    totals.more = pageToken !== undefined;
  } while (pageToken && totals.fetched < maxResults);
  return totals;
}

/** Out of the trash, or out of spam: a listing that left it out may have removed it. */
const isBack = ({ removed }: HistoryPage['labels'][number]): boolean => removed.includes('TRASH') || removed.includes('SPAM');

async function storePage({ added, deleted, labels, historyId }: HistoryPage, totals: Fetched, fetching: Fetching): Promise<void> {
  const { mailboxes, connection, progress, run, log } = fetching;
  const came = [...new Set([...added, ...labels.filter(isBack).map(({ id }) => id)])];
  const known = await mailboxes.cached(connection.userId, came);
  const missing = came.filter((id) => !known.has(id));
  const done = totals.found;
  totals.found += came.length;
  totals.cached += came.length - missing.length;
  log.info({ added: came.length, cached: came.length - missing.length, deleted: deleted.length, relabelled: labels.length }, 'changes found');
  const counts = await readMessages(
    missing,
    ({ number, of, counts: { fetched, gone, failed } }) =>
      progress({
        progress: done + came.length - missing.length + fetched + gone + failed,
        total: totals.found,
        current_step: `Fetching batch ${number}/${of}...`,
      }),
    fetching,
  );
  totals.fetched += counts.fetched;
  totals.gone += counts.gone;
  totals.failed += counts.failed;
  progress({ progress: totals.found, total: totals.found, current_step: 'Saving' });
  const recorded = await mailboxes.record(run, { deleted, labels, historyId });
  totals.deleted += recorded.deleted;
  totals.relabelled += recorded.relabelled;
  totals.stored = recorded.messages;
  totals.historyId = historyId;
}
