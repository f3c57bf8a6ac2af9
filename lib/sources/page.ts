/** One page of a source: what of it is new is read and stored; then the page is turned. */
import type { AppliedItem, ListedItem } from '../db/source-types.ts';
import { messageOf } from '../errors.ts';
import type { SourceItem, SourcePage } from './contract.ts';
import { leftOutBy } from './filter.ts';
import { readContents } from './read.ts';
import { lost, type Run } from './run.ts';

/** Stored in one statement: what a crash in the middle of a page repeats at most is their reading. */
const APPLIED_AT_ONCE = 25;
/** Of those that are not read. */
const MARKED_AT_ONCE = 200;
/** Given up in one run, of those that cannot be read now. More of them mean the source itself. */
const MOST_GIVEN_UP = 5;
const REMOVE_WITHIN_MS = 10_000;

/** `told.calls`: of the connector's calls, those that a page has counted. */
export function createPages(run: Run, told: { calls: number }): (page: SourcePage) => Promise<void> {
  const { source, settings, connector, deps, runs, log } = run;
  const maxBytes = settings.maxBytes ?? deps.documentLimitBytes;
  let givenUp = 0;
  let seen = 0;
  let done = 0;

  const forget = (paths: readonly string[]): Promise<void> => forgetFiles(run, paths);

  async function store(items: readonly AppliedItem[]): Promise<void> {
    const applied = await runs.apply(run, items);
    if (!applied) throw lost(run.sourceId);
    deps.poke();
    await forget(applied.paths);
    done += items.length;
    run.progress({ progress: done, total: Math.max(seen, done), current_step: `Storing what is new in ${source.name || source.sourceType}` });
  }

  function giveUp(item: SourceItem, error: unknown): boolean {
    if (!run.isLastAttempt || givenUp === MOST_GIVEN_UP) return false;
    givenUp += 1;
    log.warn(
      { event: 'source.item_given_up', sourceId: run.sourceId, ref: item.ref, error: messageOf(error) },
      'an item could not be read in any attempt',
    );
    return true;
  }

  async function readAndStore(items: readonly SourceItem[], already: readonly AppliedItem[]): Promise<void> {
    for (let start = 0; start < already.length; start += MARKED_AT_ONCE) await store(already.slice(start, start + MARKED_AT_ONCE));
    const batches = createBatches(store);
    try {
      await readContents(run, { items, listed: (item) => listedOf(item), take: batches.add, maxBytes, giveUp });
    } finally {
      // What was read before a failure need not be read again; another failure on the way is not the first one.
      await batches.flush().catch(() => undefined);
    }
    await batches.flush();
  }

  async function turn(page: Parameters<typeof runs.turn>[1]): Promise<void> {
    for (;;) {
      const turned = await runs.turn(run, page);
      if (!turned) throw lost(run.sourceId);
      await forget(turned.paths);
      if (!turned.more) return;
      run.signal.throwIfAborted();
    }
  }

  return async (page) => {
    run.signal.throwIfAborted();
    const { items, listed } = itemsOf(page, (item) => leftOutBy(item, settings, maxBytes));
    seen += items.length;
    const planned = items.length > 0 ? await runs.plan(run, listed) : new Map();
    if (!planned) throw lost(run.sourceId);
    const work = listed.flatMap((one): AppliedItem[] => {
      const what = planned.get(one.ref);
      if (what === 'meta') return [{ ...one, outcome: 'meta' }];
      return what === 'skip' ? [{ ...one, outcome: 'skipped' }] : [];
    });
    const unread = items.filter(({ ref }) => planned.get(ref) === 'content');
    done += items.length - planned.size;
    if (planned.size > 0) await readAndStore(unread, work);
    run.signal.throwIfAborted();
    const calls = connector.calls - told.calls;
    await turn({
      deletes: page.deletes,
      cursor: page.nextCursor,
      complete: page.complete,
      listed: items.length,
      unchanged: items.length - planned.size,
      calls,
    });
    told.calls += calls;
    run.progress({ progress: done, total: seen, current_step: page.complete ? 'Up to date' : 'Listing' });
  };
}

/** Best effort: a file that nobody knows of costs space alone. */
export async function forgetFiles({ deps, log }: Pick<Run, 'deps' | 'log'>, paths: readonly string[]): Promise<void> {
  if (paths.length === 0) return;
  await deps.storage.remove(paths, { signal: AbortSignal.timeout(REMOVE_WITHIN_MS) }).catch((error: unknown) => {
    log.warn({ event: 'document.file_left', paths: paths.length, error: messageOf(error) }, 'files that no document has could not be removed');
  });
}

const listedOf = (item: SourceItem, skip?: string): ListedItem => {
  const { ref, kind, version, name, place, path, url, mimeType, sizeBytes, modifiedAt } = item;
  return { ref, kind, version, name, place, path, url, mimeType, sizeBytes, modifiedAt, ...(skip === undefined ? {} : { skip }) };
};

/** Each item once, as the page told it last. */
function itemsOf(page: SourcePage, skipOf: (item: SourceItem) => string | undefined): { items: SourceItem[]; listed: ListedItem[] } {
  const all = new Map<string, { item: SourceItem; skip: string | undefined }>();
  for (const item of page.upserts) all.set(item.ref, { item, skip: skipOf(item) });
  for (const { item, reason } of page.leftOut ?? []) all.set(item.ref, { item, skip: reason });
  const each = [...all.values()];
  return { items: each.map(({ item }) => item), listed: each.map(({ item, skip }) => listedOf(item, skip)) };
}

/** Gathers what comes from several readers; one batch is stored at a time. */
function createBatches(store: (items: readonly AppliedItem[]) => Promise<void>) {
  let gathered: AppliedItem[] = [];
  let storing: Promise<void> = Promise.resolve();

  async function flush(): Promise<void> {
    const batch = gathered;
    gathered = [];
    if (batch.length > 0) storing = storing.then(() => store(batch));
    await storing;
  }

  return {
    add: async (item: AppliedItem): Promise<void> => {
      gathered.push(item);
      if (gathered.length >= APPLIED_AT_ONCE) await flush();
    },
    /** Rejects where anything was not stored. */
    flush,
  };
}
