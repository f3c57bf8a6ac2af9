/** What was asked, for tests and benchmarks. */
const METHODS = [
  'profile',
  'labels',
  'list',
  'get',
  'attachment',
  'thread',
  'history',
  'watch',
  'stop',
  'batch',
  'batchParts',
  'consent',
  'token',
  'revoke',
  'certs',
  'drive.list',
  'drive.get',
  'drive.download',
  'drive.export',
  'drive.startToken',
  'drive.changes',
  'drive.watch',
  'drive.stop',
  'other',
] as const;
export type Method = (typeof METHODS)[number];

export interface Entry {
  method: Method;
  /** Of the account, where a token told it. */
  email: string | undefined;
  status: number;
  /** Without tokens; of a batch, its parts. */
  paths: readonly string[];
}

export interface Journal {
  /** HTTP calls by method; `batchParts` are the calls within batches, which stand under no other name. */
  readonly counts: Readonly<Record<Method, number>>;
  /** HTTP calls, oldest first. */
  readonly entries: readonly Entry[];
  /** Kind of call and status of each part of all batches, such as `get 200`. */
  readonly parts: ReadonlyMap<string, number>;
  reset(): void;
}

export interface WritableJournal extends Journal {
  note(entry: Entry): void;
  notePart(method: Method, status: number): void;
}

function none(): Record<Method, number> {
  // Object.fromEntries forgets which keys there are.
  return Object.fromEntries(METHODS.map((method) => [method, 0])) as Record<Method, number>;
}

export function createJournal(): WritableJournal {
  let counts = none();
  let entries: Entry[] = [];
  const parts = new Map<string, number>();
  return {
    get counts() {
      return counts;
    },
    get entries() {
      return entries;
    },
    parts,
    reset() {
      counts = none();
      entries = [];
      parts.clear();
    },
    note(entry) {
      counts[entry.method] += 1;
      entries.push(entry);
    },
    notePart(method, status) {
      counts.batchParts += 1;
      const key = `${method} ${status}`;
      parts.set(key, (parts.get(key) ?? 0) + 1);
    },
  };
}
