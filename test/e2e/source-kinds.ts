/** The four kinds of sources, each filled and changed at a server that stands in for its vendor. */
import { createHash, randomUUID } from 'node:crypto';
import type { GoogleStandIn } from '../../demo/stand-ins/google/server.ts';
import type { MicrosoftStandIn } from '../../demo/stand-ins/microsoft/contract.ts';
import type { SourceType } from '../../lib/jobs/source-sync.ts';

/** An item by its id at the source: what it is called, and what is in it. */
export type Items = Map<string, { name: string; content: string }>;

export interface Changed {
  added: string[];
  edited: string[];
  deleted: string[];
  moved: string[];
}

export interface SourceAtVendor {
  type: SourceType;
  provider: 'google' | 'microsoft';
  email: string;
  settings: Record<string, unknown>;
  /** What is there now. */
  items(): Items;
  add(count: number): string[];
  /** So many of each; the first items are edited, the next deleted, the next moved to another folder or label. */
  change(counts: { add: number; edit: number; delete: number; move: number }): Changed;
  /** Page size of its listings. */
  page(size: number): void;
  /** Cursors that were given until now are not known any more. */
  forget(): void;
  /** The next calls are refused with 429. */
  storm(times: number, retryAfterSeconds?: number): void;
  /** Calls of its API so far, those for tokens left out. */
  calls(): number;
  latency(ms: number): void;
  expireTokens(): void;
  revoke(): void;
}

export interface Vendors {
  google: GoogleStandIn;
  microsoft: MicrosoftStandIn;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export function createSource(type: SourceType, vendors: Vendors): SourceAtVendor {
  return KINDS[type](vendors, `${type}-${randomUUID()}@example.com`);
}

const KINDS: Record<SourceType, (vendors: Vendors, email: string) => SourceAtVendor> = {
  gdrive: ({ google }, email) => {
    google.addAccount(email);
    const drive = google.drive(email);
    const folderId = drive.addFolder('Deal');
    const elsewhere = drive.addFolder('Signed', folderId);
    // Outside of what is synced.
    drive.addFile({ name: 'private.txt', content: 'Not of this deal.' });
    const files = {
      add: (name: string, content: string) => drive.addFile({ name, content, parentId: folderId }),
      edit: drive.edit,
      remove: drive.remove,
      move: (id: string) => drive.move(id, elsewhere),
      page: (size: number) => void Object.assign(drive, { pageSize: size }),
      forget: () => drive.forgetChanges(),
      names: () => drive.files(folderId).map(({ id, name }) => ({ id, name })),
    };
    return { ...ofFiles('gdrive', files), provider: 'google', email, settings: { folderId }, ...ofGoogle(google, email) };
  },
  sharepoint: ({ microsoft }, email) => {
    microsoft.addAccount(email);
    const path = `/sites/${randomUUID()}`;
    const { drive } = microsoft.addSite({ host: 'contoso.sharepoint.com', path });
    const elsewhere = drive.addFolder('Signed');
    const files = {
      add: (name: string, content: string) => drive.addFile({ name, content }),
      edit: drive.edit,
      remove: drive.remove,
      move: (id: string) => drive.move(id, elsewhere),
      page: (size: number) => void Object.assign(drive, { pageSize: size }),
      forget: () => microsoft.faults.forgetDeltas(),
      names: () => drive.files().map(({ id, name }) => ({ id, name })),
    };
    const settings = { siteUrl: `https://contoso.sharepoint.com${path}` };
    return { ...ofFiles('sharepoint', files), provider: 'microsoft', email, settings, ...ofMicrosoft(microsoft, email) };
  },
  gmail: ({ google }, email) => {
    const mailbox = google.addAccount(email);
    const subjects = new Map<string, string>();
    const add = (count: number): string[] =>
      Array.from({ length: count }, () => {
        const subject = `Mail ${subjects.size + 1} ${randomUUID()}`;
        const id = mailbox.deliver({ eml: emlOf(subject), labelIds: ['INBOX'] });
        subjects.set(id, subject);
        return id;
      });
    return {
      type: 'gmail',
      provider: 'google',
      email,
      settings: {},
      items: () => itemsOf(subjects, (subject) => subject),
      add,
      change: (counts) => {
        const ids = [...subjects.keys()];
        const edited = ids.slice(0, counts.edit);
        const deleted = ids.slice(counts.edit, counts.edit + counts.delete);
        const moved = ids.slice(counts.edit + counts.delete, counts.edit + counts.delete + counts.move);
        // A mail never changes: what can change are its labels.
        for (const id of edited) mailbox.relabel(id, { add: ['STARRED'] });
        for (const id of moved) mailbox.relabel(id, { remove: ['INBOX'] });
        for (const id of deleted) {
          mailbox.delete(id);
          subjects.delete(id);
        }
        return { added: add(counts.add), edited: [], deleted, moved: [] };
      },
      // Google's own, of 500.
      page: () => undefined,
      forget: () => mailbox.forgetHistory(),
      ...ofGoogle(google, email),
    };
  },
  outlook: ({ microsoft }, email) => {
    const { mailbox } = microsoft.addAccount(email);
    const subjects = new Map<string, string>();
    const add = (count: number): string[] =>
      Array.from({ length: count }, () => {
        const subject = `Mail ${subjects.size + 1} ${randomUUID()}`;
        const id = mailbox.addMail({ subject, body: bodyOf(subject), from: { name: 'Ada', address: 'ada@example.com' } });
        subjects.set(id, subject);
        return id;
      });
    return {
      type: 'outlook',
      provider: 'microsoft',
      email,
      settings: {},
      items: () => itemsOf(subjects, (subject) => subject),
      add,
      change: (counts) => {
        const ids = [...subjects.keys()];
        const edited = ids.slice(0, counts.edit);
        const deleted = ids.slice(counts.edit, counts.edit + counts.delete);
        const moved = ids.slice(counts.edit + counts.delete, counts.edit + counts.delete + counts.move);
        for (const id of edited) {
          const subject = `Edited ${randomUUID()}`;
          mailbox.edit(id, { subject });
          subjects.set(id, subject);
        }
        for (const id of moved) mailbox.move(id, mailbox.folder('Archive'));
        for (const id of deleted) {
          mailbox.remove(id);
          subjects.delete(id);
        }
        return { added: add(counts.add), edited, deleted, moved };
      },
      page: (size) => void Object.assign(mailbox, { pageSize: size }),
      forget: () => microsoft.faults.forgetDeltas(),
      ...ofMicrosoft(microsoft, email),
    };
  },
};

interface Files {
  add(name: string, content: string): string;
  edit(id: string, content: string): void;
  remove(id: string): void;
  move(id: string): void;
  page(size: number): void;
  forget(): void;
  names(): { id: string; name: string }[];
}

function ofFiles(type: SourceType, files: Files): Pick<SourceAtVendor, 'type' | 'items' | 'add' | 'change' | 'page' | 'forget'> {
  const contents = new Map<string, string>();
  const add = (count: number): string[] =>
    Array.from({ length: count }, () => {
      const content = `Paper ${randomUUID()}`;
      const id = files.add(`paper-${contents.size + 1}-${randomUUID()}.txt`, content);
      contents.set(id, content);
      return id;
    });
  return {
    type,
    items: () => new Map(files.names().map(({ id, name }) => [id, { name, content: sha256(contents.get(id) ?? '') }])),
    add,
    change: (counts) => {
      const ids = [...contents.keys()];
      const edited = ids.slice(0, counts.edit);
      const deleted = ids.slice(counts.edit, counts.edit + counts.delete);
      const moved = ids.slice(counts.edit + counts.delete, counts.edit + counts.delete + counts.move);
      for (const id of edited) {
        contents.set(id, `Edited ${randomUUID()}`);
        files.edit(id, contents.get(id) ?? '');
      }
      for (const id of deleted) {
        files.remove(id);
        contents.delete(id);
      }
      for (const id of moved) files.move(id);
      return { added: add(counts.add), edited, deleted, moved };
    },
    page: files.page,
    forget: files.forget,
  };
}

const itemsOf = (subjects: ReadonlyMap<string, string>, contentOf: (subject: string) => string): Items =>
  new Map([...subjects].map(([id, subject]) => [id, { name: subject, content: contentOf(subject) }]));

const bodyOf = (subject: string): string => `About ${subject}: could you send the schedules by Friday?`;
const emlOf = (subject: string): string =>
  [
    'From: Ada <ada@example.com>',
    'To: me@example.com',
    `Message-ID: <${randomUUID()}@example.com>`,
    `Subject: ${subject}`,
    'Content-Type: text/plain; charset=utf-8',
    '',
    bodyOf(subject),
  ].join('\r\n');

type Faulty = Pick<SourceAtVendor, 'storm' | 'calls' | 'latency' | 'expireTokens' | 'revoke'>;

/** What is no call of a source: round trips and tokens. */
const AROUND = new Set(['consent', 'token', 'revoke', 'certs', 'batchParts']);

const ofGoogle = (google: GoogleStandIn, email: string): Faulty => ({
  storm: (times, retryAfterSeconds) => google.faults.failNext(429, { times, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }),
  calls: () => google.requests.entries.filter((entry) => entry.email === email && !AROUND.has(entry.method)).length,
  latency: (ms) => void Object.assign(google.faults, { latencyMs: ms }),
  expireTokens: google.expireTokens,
  revoke: () => google.revoke(email),
});

const ofMicrosoft = (microsoft: MicrosoftStandIn, email: string): Faulty => ({
  storm: (times, retryAfterSeconds) => microsoft.faults.storm({ times, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }),
  calls: () => microsoft.journal.entries.filter(({ method }) => !AROUND.has(method)).length,
  latency: (ms) => void Object.assign(microsoft.faults, { latencyMs: ms }),
  expireTokens: microsoft.expireTokens,
  revoke: () => microsoft.revoke(email),
});
