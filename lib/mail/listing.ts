import type { Fetched, Fetching } from './fetch.ts';
import { readMessages } from './read.ts';

/** Google's page of a listing; also how many ids the cache is asked about at a time. */
const PAGE = 500;

/**
 * Lists messages, newest first, and reads those that are not in the cache. `whole`: no query narrowed the listing, so that the mailbox can be
 * followed from here on, and what is not in it any more is removed.
 */
export async function listAndRead(fetching: Fetching, whole: boolean): Promise<Fetched> {
  const { mailbox, mailboxes, connection, progress, run, tally, log } = fetching;
  progress({ progress: 0, total: 0, current_step: 'Listing messages' });
  // Before the listing: what happens meanwhile is then found by the next fetch.
  const historyId = whole ? (await mailbox.profile()).historyId : null;
  const { ids, more } = await listIds(fetching);
  const known = await mailboxes.cached(connection.userId, ids);
  const missing = ids.filter((id) => !known.has(id));
  const cached = ids.length - missing.length;
  log.info({ found: ids.length, cached, cacheHitRate: ids.length > 0 ? cached / ids.length : null }, 'messages found');
  const total = ids.length;
  progress({ progress: cached, total, current_step: `${cached} of ${total} messages are in the cache` });
  await readMessages(
    missing,
    ({ number, of }) =>
      progress({ progress: cached + tally.fetched + tally.gone + tally.failed, total, current_step: `Fetching batch ${number}/${of}...` }),
    fetching,
  );
  progress({ progress: total, total, current_step: 'Saving' });
  const { deleted, messages } = await mailboxes.record(run, whole ? { listed: ids, complete: !more, historyId } : {});
  tally.deleted += deleted;
  return { mode: 'full', found: total, stored: messages, more, historyId };
}

async function listIds({ mailbox, params: { query, labelIds }, maxResults, progress, signal }: Fetching): Promise<{ ids: string[]; more: boolean }> {
  // A message may move from one page to the next while we list.
  const ids = new Set<string>();
  let pageToken: string | undefined;
  do {
    signal.throwIfAborted();
    const page = await mailbox.list({
      limit: Math.min(PAGE, maxResults - ids.size),
      ...(query ? { query } : {}),
      ...(labelIds?.length ? { labelIds } : {}),
      ...(pageToken ? { pageToken } : {}),
    });
    for (const id of page.ids) ids.add(id);
    pageToken = page.nextPageToken;
    progress({ progress: 0, total: ids.size, current_step: `Listing messages: ${ids.size} so far` });
  } while (pageToken && ids.size < maxResults);
  return { ids: [...ids], more: pageToken !== undefined };
}
