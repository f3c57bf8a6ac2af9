import { createHash } from 'node:crypto';
import type { StandInClock } from './clock.ts';
import { type Mail, type PreparedMail, prepareMail } from './mail.ts';

export interface StoredMail {
  readonly id: string;
  readonly threadId: string;
  readonly receivedAt: number;
  historyId: bigint;
  labelIds: readonly string[];
  read(): Buffer;
}

export type ChangeKind = 'messagesAdded' | 'messagesDeleted' | 'labelsAdded' | 'labelsRemoved';

export interface Change {
  id: bigint;
  kind: ChangeKind;
  message: { id: string; threadId: string; labelIds: readonly string[] };
  /** Of label changes. */
  labelIds: readonly string[];
}

export interface Mailbox {
  readonly email: string;
  /** Google's own id of the account. */
  readonly sub: string;
  readonly historyId: bigint;
  /** Newest first. */
  readonly mails: readonly StoredMail[];
  readonly changes: readonly Change[];
  /** History before it is forgotten. */
  readonly oldestHistoryId: bigint;
  get(id: string): StoredMail | undefined;
  deliver(mail: Mail): string;
  relabel(id: string, labels: { add?: readonly string[]; remove?: readonly string[] }): void;
  trash(id: string): void;
  delete(id: string): void;
  /** A start before it is answered with 404 from now on. Default: everything so far. */
  forgetHistory(before?: string): void;
}

/** Above what a JavaScript number holds exactly, as history ids may be. */
const FIRST_HISTORY_ID = 9_007_199_254_740_993n;

export function createMailbox(email: string, mails: readonly Mail[], clock: StandInClock): Mailbox {
  const digest = createHash('sha256').update(email).digest();
  const firstId = digest.readBigUInt64BE(0) >> 4n;
  const byId = new Map<string, StoredMail>();
  const threads = new Map<string, string>();
  const changes: Change[] = [];
  let count = 0n;
  let historyId = FIRST_HISTORY_ID;

  // Ids of history grow with gaps.
  const nextHistoryId = (): bigint => {
    historyId += 1n + (historyId % 7n);
    return historyId;
  };
  function store({ receivedAt, labelIds, threadKeys, read }: PreparedMail): StoredMail {
    count += 1n;
    const id = (firstId + count * 0x10001n).toString(16).padStart(16, '0');
    const threadId = threadKeys.map((key) => threads.get(key)).find((thread) => thread !== undefined) ?? id;
    for (const key of threadKeys) threads.set(key, threadId);
    const stored: StoredMail = { id, threadId, receivedAt, historyId: nextHistoryId(), labelIds, read };
    byId.set(id, stored);
    return stored;
  }
  function note(stored: StoredMail, kind: ChangeKind, labelIds: readonly string[] = []): void {
    stored.historyId = nextHistoryId();
    const { id, threadId } = stored;
    changes.push({ id: stored.historyId, kind, message: { id, threadId, labelIds: stored.labelIds }, labelIds });
  }
  function find(id: string): StoredMail {
    const stored = byId.get(id);
    if (!stored) throw new Error(`${email} has no message ${id}`);
    return stored;
  }

  function relabel(id: string, { add = [], remove = [] }: { add?: readonly string[]; remove?: readonly string[] }): void {
    const stored = find(id);
    const added = add.filter((label) => !stored.labelIds.includes(label));
    const removed = remove.filter((label) => stored.labelIds.includes(label));
    const kept = stored.labelIds.filter((label) => !removed.includes(label));
    if (removed.length > 0) change(stored, kept, 'labelsRemoved', removed);
    if (added.length > 0) change(stored, [...kept, ...added], 'labelsAdded', added);
  }
  function change(stored: StoredMail, labelIds: readonly string[], kind: ChangeKind, changed: readonly string[]): void {
    stored.labelIds = labelIds;
    note(stored, kind, changed);
  }

  const found = mails.map((mail) => prepareMail(mail, { labelIds: ['INBOX'], now: clock.now() }));
  // In the order they came: the first of a thread names it.
  let sorted = found
    .sort((one, other) => one.receivedAt - other.receivedAt)
    .map(store)
    .sort(newestFirst);
  let oldestHistoryId = FIRST_HISTORY_ID;
  return {
    email,
    sub: (digest.readBigUInt64BE(8) % 10n ** 20n).toString().padStart(21, '1'),
    get historyId() {
      return historyId;
    },
    get mails() {
      return sorted;
    },
    changes,
    get oldestHistoryId() {
      return oldestHistoryId;
    },
    get: (id) => byId.get(id),
    deliver(mail) {
      const now = clock.now();
      const stored = store(prepareMail({ ...mail, receivedAt: mail.receivedAt ?? now }, { labelIds: ['UNREAD', 'INBOX'], now }));
      sorted.splice(placeOf(sorted, stored), 0, stored);
      note(stored, 'messagesAdded');
      return stored.id;
    },
    relabel,
    trash: (id) => relabel(id, { add: ['TRASH'], remove: ['INBOX'] }),
    delete(id) {
      const stored = find(id);
      byId.delete(id);
      sorted = sorted.filter((mail) => mail !== stored);
      note(stored, 'messagesDeleted');
    },
    forgetHistory(before) {
      oldestHistoryId = before === undefined ? nextHistoryId() : BigInt(before);
    },
  };
}

function newestFirst(one: StoredMail, other: StoredMail): number {
  return other.receivedAt - one.receivedAt || (one.id < other.id ? 1 : -1);
}

/** Where it belongs among the newest first. */
function placeOf(sorted: readonly StoredMail[], mail: StoredMail): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const there = sorted[middle];
    if (there && newestFirst(there, mail) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
