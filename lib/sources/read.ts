/** Reads what a page has that is new: files into the storage, mails as they are. */
import type { AppliedItem, ListedItem } from '../db/source-types.ts';
import { HivepulseError, messageOf, UnavailableError } from '../errors.ts';
import { createLanes } from '../lanes.ts';
import { measured } from '../storage/measured.ts';
import { type EmailRead, ItemError, type OpenedFile, type SourceEmail, type SourceItem } from './contract.ts';
import { EMPTY, tooLarge } from './filter.ts';
import { filePath } from './path.ts';
import type { Run } from './run.ts';

export interface Reading {
  items: readonly SourceItem[];
  listed(item: SourceItem): ListedItem;
  /** Takes each as it comes. */
  take(applied: AppliedItem): Promise<void>;
  maxBytes: number;
  /** Whether one that cannot be read now may be given up, so that it does not hold up the rest for ever. */
  giveUp(item: SourceItem, error: unknown): boolean;
}

/** Throws the first failure that is not of one item alone; what goes on then is aborted by the caller's signal. */
export async function readContents(run: Run, reading: Reading): Promise<void> {
  const documents = reading.items.filter(({ kind }) => kind === 'document');
  const emails = reading.items.filter(({ kind }) => kind === 'email');
  await readDocuments(documents, run, reading);
  await readEmails(emails, run, reading);
}

/** Files that the storage may still be busy with, for each one that is on its way. */
const STORED_FOR_EACH_READ = 4;

async function readDocuments(items: readonly SourceItem[], run: Run, reading: Reading): Promise<void> {
  const inLane = createLanes(Math.max(1, run.connector.parallel));
  const failed = new AbortController();
  const signal = AbortSignal.any([run.signal, failed.signal]);
  const inStore = createLanes(STORED_FOR_EACH_READ * Math.max(1, run.connector.parallel));
  const readings = items.map((item) =>
    inStore(async () => {
      const { promise: isRead, resolve: end } = Promise.withResolvers<void>();
      let stored: Promise<AppliedItem> | undefined;
      // A place at the source is free as soon as the file has come: what the storage still does with it holds up nobody else.
      await inLane(() => {
        signal.throwIfAborted();
        stored = readDocument(item, run, reading, signal, end).finally(end);
        // Awaited below.
        stored.catch(() => undefined);
        return isRead;
      }, signal);
      if (stored) await reading.take(await stored);
    }, signal).catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  const ended = await Promise.allSettled(readings);
  run.signal.throwIfAborted();
  const broken = ended.find((one) => one.status === 'rejected');
  if (broken) throw failed.signal.reason ?? broken.reason;
}

async function readDocument(item: SourceItem, run: Run, reading: Reading, signal: AbortSignal, onRead: () => void): Promise<AppliedItem> {
  const listed = reading.listed(item);
  try {
    const opened = await run.connector.open(item);
    return opened ? await storeFile(item, listed, opened, run, reading.maxBytes, signal, onRead) : { ...listed, outcome: 'gone' };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Unwanted) return { ...listed, outcome: 'skipped', skip: error.message };
    if (isOfItemAlone(error) || (error instanceof UnavailableError && !isOfStorage(error) && reading.giveUp(item, error)))
      return { ...listed, outcome: 'failed', reason: messageOf(error) };
    throw error;
  }
}

/** What a filter leaves out, as it shows when the file is read. */
class Unwanted extends ItemError {}

const codeOf = (error: unknown): string => (error instanceof HivepulseError ? error.code : '');
const isOfItemAlone = (error: unknown): boolean => error instanceof ItemError || codeOf(error) === 'storage_too_large';
const isOfStorage = (error: unknown): boolean => codeOf(error).startsWith('storage_');

async function storeFile(
  item: SourceItem,
  listed: ListedItem,
  file: OpenedFile,
  run: Run,
  maxBytes: number,
  signal: AbortSignal,
  onRead: () => void,
): Promise<AppliedItem> {
  const { source, seen } = measured(file.content, (sizeBytes, ended) => {
    // Known to be too large, it ends with its first bytes.
    if (Math.max(sizeBytes, file.sizeBytes ?? 0) > maxBytes) throw new Unwanted(tooLarge(maxBytes));
    if (ended && sizeBytes === 0) throw new Unwanted(EMPTY);
    if (ended) onRead();
  });
  const storagePath = filePath(run.source, item);
  const size = file.sizeBytes === undefined ? {} : { sizeBytes: file.sizeBytes };
  await run.deps.storage.put(storagePath, source, { contentType: file.mimeType ?? 'application/octet-stream', signal, ...size });
  return { ...listed, name: file.name, mimeType: file.mimeType ?? listed.mimeType, outcome: 'document', document: { ...seen(), storagePath } };
}

async function readEmails(items: readonly SourceItem[], run: Run, { listed, take }: Reading): Promise<void> {
  const unread: SourceItem[] = [];
  for (const item of items) {
    if (item.email) await take(withEmail(listed(item), item.email));
    else unread.push(item);
  }
  const byRef = new Map(unread.map((item) => [item.ref, item]));
  for await (const reads of inTurn(unread, run)) {
    for (const read of reads) {
      const item = byRef.get(read.ref);
      if (item && byRef.delete(read.ref)) await take(appliedEmail(listed(item), read));
    }
  }
  // The page is turned after this: nobody would ask for them again.
  if (byRef.size > 0) throw new UnavailableError(`The source did not answer for ${byRef.size} mails`, { code: 'source_unsteady' });
}

/** The next ones are asked for while those before them are stored. */
async function* inTurn(items: readonly SourceItem[], { connector, signal }: Run): AsyncGenerator<EmailRead[]> {
  const ask = (start: number): Promise<EmailRead[]> | undefined => {
    signal.throwIfAborted();
    const reads = start < items.length ? connector.readEmails(items.slice(start, start + connector.emailsAtOnce)) : undefined;
    // Awaited with the next turn; until then nobody listens for its failure.
    reads?.catch(() => undefined);
    return reads;
  };
  let start = 0;
  for (let next = ask(start); next; ) {
    const reads = await next;
    start += connector.emailsAtOnce;
    next = ask(start);
    yield reads;
  }
}

function appliedEmail(listed: ListedItem, read: EmailRead): AppliedItem {
  if (read.state === 'read') return withEmail(listed, read.email);
  return read.state === 'gone' ? { ...listed, outcome: 'gone' } : { ...listed, outcome: 'failed', reason: read.reason };
}

const withEmail = (listed: ListedItem, email: SourceEmail): AppliedItem => ({
  ...listed,
  name: listed.name || (email.subject ?? ''),
  outcome: 'email',
  email,
});
