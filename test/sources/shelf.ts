/** A source in memory behind the seam of connectors: it remembers what happened to it, answers in small pages, and fails when it is told to. */

import { z } from 'zod';
import { type Connector, CursorLostError, type OpenedFile, type SourceItem, type SourceKind, type SourcePage } from '../../lib/sources/contract.ts';

export interface Book {
  content: string;
  name?: string;
  place?: string;
  kind?: 'document' | 'email';
  /** As `open` says it; the true one may be another. */
  sizeBytes?: number;
}

export interface Shelf {
  kind: SourceKind;
  books: Map<string, Book>;
  put(ref: string, book: Book): void;
  drop(ref: string): void;
  /** Called before each answer; what it throws is the answer. */
  trouble: (what: string) => void;
  /** What was asked for. */
  asked: string[];
  parallel: number;
}

const versionOf = ({ content }: Book): string => `v-${content.length}-${content.slice(0, 20)}`;

export function createShelf({ pageSize = 3 }: { pageSize?: number } = {}): Shelf {
  const books = new Map<string, Book>();
  const log: string[] = [];
  const shelf: Shelf = {
    books,
    put(ref, book) {
      books.set(ref, book);
      log.push(ref);
    },
    drop(ref) {
      books.delete(ref);
      log.push(ref);
    },
    trouble: () => undefined,
    asked: [],
    parallel: 2,
    kind: {
      type: 'gdrive',
      label: 'Shelf',
      provider: 'google',
      access: 'files',
      settings: z.strictObject({}),
      connect: async () => connector(),
    },
  };
  const ask = (what: string): void => {
    shelf.asked.push(what);
    shelf.trouble(what);
  };

  const itemOf = (ref: string, { content, name = `${ref}.txt`, place = 'shelf', kind = 'document', ...book }: Book): SourceItem => ({
    ref,
    kind,
    version: kind === 'email' ? 'constant' : versionOf({ content }),
    name: kind === 'email' ? '' : name,
    place,
    path: null,
    mimeType: 'text/plain',
    sizeBytes: null,
    modifiedAt: null,
    url: null,
    handle: book,
  });

  function* slices<T>(all: readonly T[], from: number): Generator<{ part: readonly T[]; next: number; complete: boolean }> {
    for (let at = from; ; at += pageSize) {
      const complete = at + pageSize >= all.length;
      yield { part: all.slice(at, at + pageSize), next: at + pageSize, complete };
      if (complete) return;
    }
  }

  async function* full(cursor?: string): AsyncGenerator<SourcePage> {
    const [token = `${log.length}`, last = ''] = cursor?.split(':') ?? [];
    const rest = [...books.keys()].filter((ref) => ref > last).toSorted();
    for (const { part, complete } of slices(rest, 0)) {
      ask('full');
      const upserts = part.flatMap((ref) => {
        const book = books.get(ref);
        return book ? [itemOf(ref, book)] : [];
      });
      yield { upserts, deletes: [], nextCursor: complete ? token : `${token}:${part.at(-1)}`, complete };
    }
  }

  async function* changes(cursor: string): AsyncGenerator<SourcePage> {
    for (const { part, next, complete } of slices(log, Number(cursor))) {
      ask('changes');
      const refs = [...new Set(part)];
      yield {
        upserts: refs.flatMap((ref) => {
          const book = books.get(ref);
          return book ? [itemOf(ref, book)] : [];
        }),
        deletes: refs.filter((ref) => !books.has(ref)).map((ref) => ({ ref })),
        nextCursor: `${Math.min(next, log.length)}`,
        complete,
      };
    }
  }

  const connector = (): Connector => ({
    parallel: shelf.parallel,
    emailsAtOnce: 2,
    get calls() {
      return shelf.asked.length;
    },
    full,
    changes,
    async open({ ref }): Promise<OpenedFile | undefined> {
      ask(`open ${ref}`);
      const book = books.get(ref);
      return book && { name: book.name ?? `${ref}.txt`, mimeType: 'text/plain', sizeBytes: book.sizeBytes, content: contentOf(ref, book) };
    },
    async readEmails(items) {
      ask(`mails ${items.map(({ ref }) => ref)}`);
      return items.map(({ ref }) => {
        const book = books.get(ref);
        return book ? { state: 'read', ref, email: emailOf(ref, book) } : { state: 'gone', ref };
      });
    },
  });

  async function* contentOf(ref: string, { content }: Book): AsyncGenerator<Uint8Array> {
    const half = Math.ceil(content.length / 2);
    if (content !== '') yield Buffer.from(content.slice(0, half));
    ask(`rest of ${ref}`);
    if (content.length > half) yield Buffer.from(content.slice(half));
  }

  return shelf;
}

const emailOf = (ref: string, { content }: Book) => ({
  messageId: `<${ref}>`,
  threadId: null,
  inReplyTo: null,
  fromName: null,
  fromAddress: 'ann@example.com',
  recipients: [],
  subject: `About ${ref}`,
  sentAt: null,
  text: content,
  contentHash: content,
});

/** Like a source that has forgotten its cursors. */
export const forgotten = (): CursorLostError => new CursorLostError('expired');
