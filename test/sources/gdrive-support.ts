import type { Drive } from '../../demo/stand-ins/google/drive/contract.ts';
import { DRIVE_SCOPES, type GoogleStandIn } from '../../demo/stand-ins/google/server.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Connector, SourceDeps, SourceItem, SourcePage } from '../../lib/sources/contract.ts';
import { gdrive } from '../../lib/sources/gdrive/index.ts';
import type { DriveSettings } from '../../lib/sources/gdrive/settings.ts';

export const ANNA = 'anna@example.com';

/** Hands tokens out, and a new one where the last was refused. */
export function accountsOf(google: GoogleStandIn, scopes: readonly string[] = DRIVE_SCOPES): SourceDeps['accounts'] & { rejected: string[] } {
  let { accessToken } = google.issueTokens(ANNA, { scopes });
  const rejected: string[] = [];
  return {
    rejected,
    accessToken: async (_, options) => {
      if (options?.rejected === accessToken) {
        rejected.push(accessToken);
        accessToken = google.issueTokens(ANNA, { scopes }).accessToken;
      }
      return accessToken;
    },
  };
}

/** The pauses of accounts, kept here. */
export function createPauses(): SourceDeps['store'] & { until: Map<string, number> } {
  const until = new Map<string, number>();
  return {
    until,
    limitedUntil: async (key) => until.get(key) ?? 0,
    limit: async (key, untilMs) => void until.set(key, Math.max(until.get(key) ?? 0, untilMs)),
    acquire: async () => true,
    release: async () => undefined,
  };
}

export interface ConnectChanges {
  settings?: DriveSettings;
  accounts?: SourceDeps['accounts'];
  store?: SourceDeps['store'];
  timings?: SourceDeps['timings'];
  clock?: Clock;
  signal?: AbortSignal;
}

/** Repeats after a millisecond. */
export function connect(googleRootUrl: string, accounts: SourceDeps['accounts'], changes: ConnectChanges = {}): Promise<Connector> {
  const { settings = {}, store = createPauses(), clock = systemClock, signal = new AbortController().signal } = changes;
  const mailboxes: SourceDeps['mailboxes'] = {
    open: () => {
      throw new Error('Drive has no mails');
    },
  };
  const timings = { retryMs: 1, lookMs: 0, ...changes.timings };
  const deps = { accounts: changes.accounts ?? accounts, store, mailboxes, clock, googleRootUrl, graphBaseUrl: undefined, timings };
  return gdrive.connect({ connectionId: 'anna', settings, signal }, deps);
}

/** What is stored of a source, as a page leaves it. */
export interface Stored {
  items: Map<string, SourceItem>;
  leftOut: Map<string, string>;
  /** Touched since it was looked at last: added, read anew, renamed or moved, gone. */
  touched: { added: string[]; edited: string[]; moved: string[]; gone: string[] };
  cursor: string;
  complete: boolean;
  pages: number;
}

const nothing = (): Stored => ({ items: new Map(), leftOut: new Map(), touched: untouched(), cursor: '', complete: false, pages: 0 });

const untouched = (): Stored['touched'] => ({ added: [], edited: [], moved: [], gone: [] });

/** Stores what pages say, as the engine does. `most`: leaves off after so many pages. */
export async function store(pages: AsyncIterable<SourcePage>, stored = nothing(), most = Number.POSITIVE_INFINITY): Promise<Stored> {
  stored.touched = untouched();
  stored.pages = 0;
  for await (const page of pages) {
    for (const { ref } of page.deletes) if (stored.items.delete(ref)) stored.touched.gone.push(ref);
    for (const item of page.upserts) note(item, stored);
    for (const { item, reason } of page.leftOut ?? []) stored.leftOut.set(item.name, reason);
    Object.assign(stored, { cursor: page.nextCursor, complete: page.complete, pages: stored.pages + 1 });
    if (stored.pages === most) break;
  }
  return stored;
}

function note(item: SourceItem, { items, touched }: Stored): void {
  const before = items.get(item.ref);
  items.set(item.ref, item);
  if (!before) touched.added.push(item.ref);
  else if (before.version !== item.version) touched.edited.push(item.ref);
  else if (before.name !== item.name || before.place !== item.place) touched.moved.push(item.ref);
}

/** As `filesOf` has it. */
export const told = ({ items }: Stored) =>
  [...items.values()].map(({ ref, name, path, place, sizeBytes, version }) => ({ ref, name, path, place, sizeBytes, version })).sort(byRef);

/** What a drive, or a folder of it, holds: files with bytes of their own. */
export const filesOf = (drive: Drive, folderId?: string) =>
  drive
    .files(folderId)
    .filter(({ md5 }) => md5 !== null)
    .map(({ id, name, path, parentId, size, md5 }) => ({ ref: id, name, path, place: parentId, sizeBytes: size, version: md5 }))
    .sort(byRef);

const byRef = (one: { ref: string }, other: { ref: string }): number => (one.ref < other.ref ? -1 : 1);

export async function bytesOf(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}
