/** A mailbox: its folders and messages, and what has become of them. */
import { randomUUID } from 'node:crypto';
import type { MicrosoftMail, MicrosoftMailbox } from './contract.ts';
import { newFolderId, newImmutableId, newRestId } from './ids.ts';

export interface Folder {
  id: string;
  name: string;
  wellKnown: string | undefined;
  parent: Folder | undefined;
  hidden: boolean;
  order: number;
  changed: number;
}

export interface Message extends Required<Pick<MicrosoftMail, 'subject' | 'body' | 'from' | 'to' | 'cc' | 'headers' | 'isDraft'>> {
  immutableId: string;
  /** Another one after each move. */
  restId: string;
  folder: Folder;
  internetMessageId: string;
  conversationId: string;
  sentAt: number;
  receivedAt: number;
  modifiedAt: number;
  isRead: boolean;
  categories: readonly string[];
  /** Rises from message to message. */
  order: number;
  /** When it came into its folder, when its content and when its flag has changed: in the mailbox's own count. */
  arrived: number;
  changed: number;
  flagged: number;
}

/** A message has left a folder. */
export interface Removal {
  message: Message;
  folder: Folder;
  restId: string;
  at: number;
  reason: 'changed' | 'deleted';
}

export interface Mailbox extends MicrosoftMailbox {
  email: string;
  folders: ReadonlyMap<string, Folder>;
  /** By immutable id. */
  messages: ReadonlyMap<string, Message>;
  removals: readonly Removal[];
  /** By id or well-known name. */
  findFolder(idOrName: string): Folder | undefined;
  /** By either id. */
  findMessage(id: string): Message | undefined;
  readonly sequence: number;
}

const DEFAULT_FOLDERS: readonly (readonly [name: string, wellKnown: string, hidden?: boolean])[] = [
  ['Archive', 'archive'],
  ['Conversation History', 'conversationhistory'],
  ['Deleted Items', 'deleteditems'],
  ['Drafts', 'drafts'],
  ['Inbox', 'inbox'],
  ['Junk Email', 'junkemail'],
  ['Outbox', 'outbox'],
  ['Sent Items', 'sentitems'],
  ['Sync Issues', 'syncissues', true],
];

export function createMailbox(email: string, now: () => number): Mailbox {
  let sequence = 0;
  const folders = new Map<string, Folder>();
  const messages = new Map<string, Message>();
  const removals: Removal[] = [];
  const next = (): number => {
    sequence += 1;
    return sequence;
  };
  function createFolder(name: string, parent: Folder | undefined, wellKnown?: string, hidden = false): Folder {
    const folder: Folder = { id: newFolderId(), name, wellKnown, parent, hidden, order: folders.size + 1, changed: next() };
    folders.set(folder.id, folder);
    return folder;
  }
  const root = createFolder('Top of Information Store', undefined, 'msgfolderroot');
  for (const [name, wellKnown, hidden] of DEFAULT_FOLDERS) createFolder(name, root, wellKnown, hidden);

  const findFolder = (idOrName: string): Folder | undefined =>
    folders.get(idOrName) ?? [...folders.values()].find(({ wellKnown }) => wellKnown === idOrName.toLowerCase());
  const findMessage = (id: string): Message | undefined => messages.get(id) ?? [...messages.values()].find(({ restId }) => restId === id);

  function needFolder(id: string): Folder {
    const folder = findFolder(id);
    if (!folder) throw new Error(`The mailbox of ${email} has no folder ${id}`);
    return folder;
  }
  function need(id: string): Message {
    const message = findMessage(id);
    if (!message) throw new Error(`The mailbox of ${email} has no message ${id}`);
    return message;
  }
  function leave(message: Message, reason: Removal['reason']): void {
    removals.push({ message, folder: message.folder, restId: message.restId, at: next(), reason });
    message.folder.changed = sequence;
  }
  return {
    email,
    folders,
    messages,
    removals,
    pageSize: 10,
    findFolder,
    findMessage,
    get sequence() {
      return sequence;
    },
    folder(name) {
      const found = [...folders.values()].find((folder) => folder.name === name);
      if (!found) throw new Error(`The mailbox of ${email} has no folder ${name}`);
      return found.id;
    },
    addFolder: (name, parentId = root.id) => createFolder(name, needFolder(parentId)).id,
    addMail(mail, folderId = 'inbox') {
      const folder = needFolder(folderId);
      const message = newMessage(mail, { folder, order: messages.size + removals.length + 1, at: next(), now: now() });
      messages.set(message.immutableId, message);
      folder.changed = sequence;
      return message.immutableId;
    },
    edit(id, { isRead, subject, body, categories }) {
      const message = need(id);
      if (isRead !== undefined) Object.assign(message, { isRead, flagged: next() });
      if (subject === undefined && body === undefined && categories === undefined) return;
      // Without those that are not given.
      Object.assign(message, {
        ...(subject === undefined ? {} : { subject }),
        ...(body === undefined ? {} : { body }),
        ...(categories ? { categories } : {}),
      });
      Object.assign(message, { changed: next(), modifiedAt: now() });
    },
    move(id, folderId) {
      const message = need(id);
      const folder = needFolder(folderId);
      // What is in `Deleted Items` can be brought back.
      leave(message, folder.wellKnown === 'deleteditems' ? 'changed' : 'deleted');
      Object.assign(message, { folder, restId: newRestId(), arrived: next(), changed: sequence, modifiedAt: now() });
      folder.changed = sequence;
    },
    remove(id) {
      const message = need(id);
      leave(message, 'deleted');
      messages.delete(message.immutableId);
    },
    mails: () => [...messages.values()].map(({ immutableId, folder, subject }) => ({ id: immutableId, folderId: folder.id, subject })),
  };
}

interface Arrival {
  folder: Folder;
  order: number;
  at: number;
  now: number;
}

function newMessage(mail: MicrosoftMail, { folder, order, at, now }: Arrival): Message {
  const sentAt = mail.sentAt === undefined ? now : Date.parse(mail.sentAt);
  return {
    subject: mail.subject,
    body: mail.body,
    from: mail.from,
    to: mail.to ?? [],
    cc: mail.cc ?? [],
    headers: mail.headers ?? [],
    isDraft: mail.isDraft ?? false,
    immutableId: newImmutableId(),
    restId: newRestId(),
    folder,
    internetMessageId: mail.internetMessageId ?? `<${randomUUID()}@stand-in.example>`,
    conversationId: mail.conversationId ?? `AAQkAG${randomUUID().replaceAll('-', '')}=`,
    sentAt,
    receivedAt: sentAt + 1_000,
    modifiedAt: now,
    isRead: false,
    categories: [],
    order,
    arrived: at,
    changed: at,
    flagged: 0,
  };
}
