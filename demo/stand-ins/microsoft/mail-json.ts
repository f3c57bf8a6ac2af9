/** Mail folders and messages, as Graph tells them. */
import { iso } from './drive-json.ts';
import { textOf } from './html-text.ts';
import type { Folder, Mailbox, Message } from './mailbox.ts';
import type { Preferences } from './odata.ts';

const USUAL: readonly string[] = [
  ...[
    'createdDateTime',
    'lastModifiedDateTime',
    'changeKey',
    'categories',
    'receivedDateTime',
    'sentDateTime',
    'hasAttachments',
    'internetMessageId',
  ],
  ...['subject', 'bodyPreview', 'importance', 'parentFolderId', 'conversationId', 'conversationIndex', 'isDeliveryReceiptRequested'],
  ...['isReadReceiptRequested', 'isRead', 'isDraft', 'webLink', 'inferenceClassification', 'body', 'sender', 'from', 'toRecipients'],
  ...['ccRecipients', 'bccRecipients', 'replyTo', 'flag'],
];

/** What `$select` may name. */
export const MESSAGE_PROPERTIES: ReadonlySet<string> = new Set([...USUAL, 'id', 'internetMessageHeaders', 'uniqueBody']);

export const FOLDER_PROPERTIES: ReadonlySet<string> = new Set([
  ...['id', 'displayName', 'parentFolderId', 'childFolderCount', 'unreadItemCount', 'totalItemCount', 'sizeInBytes', 'isHidden'],
]);

const recipient = ({ name, address }: { name: string; address: string }) => ({ emailAddress: { name, address } });

const idOf = (message: Message, { immutableIds }: Preferences): string => (immutableIds ? message.immutableId : message.restId);

function changeKeyOf({ immutableId, arrived, changed, flagged }: Message): string {
  return Buffer.from(`${immutableId.slice(-12)}${Math.max(arrived, changed, flagged)}`).toString('base64');
}

/** Type, etag and id: what every answer has. */
export function frameOf(message: Message, preferences: Preferences): Record<string, unknown> {
  return { '@odata.type': '#microsoft.graph.message', '@odata.etag': `W/"${changeKeyOf(message)}"`, id: idOf(message, preferences) };
}

/** `select`: without it, `internetMessageHeaders` stays out. */
export function messageJson(message: Message, select: readonly string[] | undefined, preferences: Preferences): Record<string, unknown> {
  const json = frameOf(message, preferences);
  for (const name of select ?? USUAL) {
    const value = PROPERTIES[name]?.(message, preferences);
    if (value !== undefined) json[name] = value;
  }
  return json;
}

const PREVIEW = 255;

const PROPERTIES: Readonly<Record<string, (message: Message, preferences: Preferences) => unknown>> = {
  createdDateTime: ({ receivedAt }) => iso(receivedAt),
  lastModifiedDateTime: ({ modifiedAt }) => iso(modifiedAt),
  receivedDateTime: ({ receivedAt }) => iso(receivedAt),
  sentDateTime: ({ sentAt }) => iso(sentAt),
  sender: ({ from }) => recipient(from),
  from: ({ from }) => recipient(from),
  toRecipients: ({ to }) => to.map(recipient),
  ccRecipients: ({ cc }) => cc.map(recipient),
  bccRecipients: () => [],
  replyTo: () => [],
  changeKey: changeKeyOf,
  categories: ({ categories }) => categories,
  hasAttachments: () => false,
  internetMessageId: ({ internetMessageId }) => internetMessageId,
  internetMessageHeaders: headersOf,
  subject: ({ subject }) => subject,
  body: bodyOf,
  uniqueBody: bodyOf,
  // Of a long body the beginning is enough.
  bodyPreview: ({ body }) => textOf(body.slice(0, 20 * PREVIEW)).slice(0, PREVIEW),
  importance: () => 'normal',
  parentFolderId: ({ folder }) => folder.id,
  conversationId: ({ conversationId }) => conversationId,
  conversationIndex: ({ conversationId }) => Buffer.from(conversationId).toString('base64'),
  isDeliveryReceiptRequested: () => false,
  isReadReceiptRequested: () => false,
  isRead: ({ isRead }) => isRead,
  isDraft: ({ isDraft }) => isDraft,
  webLink: ({ restId }) => `https://outlook.office365.com/owa/?ItemID=${encodeURIComponent(restId)}&exvsurl=1&viewmodel=ReadMessageItem`,
  inferenceClassification: () => 'focused',
  flag: () => ({ flagStatus: 'notFlagged' }),
};

function bodyOf({ body }: Message, { textBodies }: Preferences): object {
  const isHtml = body.trimStart().startsWith('<');
  if (!isHtml) return { contentType: 'text', content: body };
  return textBodies ? { contentType: 'text', content: textOf(body) } : { contentType: 'html', content: body };
}

/** A draft has not been sent: it has none. */
function headersOf(message: Message): object[] | undefined {
  if (message.isDraft) return undefined;
  const own = [
    { name: 'Message-ID', value: message.internetMessageId },
    { name: 'Date', value: new Date(message.sentAt).toUTCString() },
    { name: 'Subject', value: message.subject },
  ];
  return [...own, ...message.headers];
}

export function folderJson(folder: Folder, { folders, messages }: Mailbox): Record<string, unknown> {
  const inside = [...messages.values()].filter((message) => message.folder === folder);
  return {
    id: folder.id,
    displayName: folder.name,
    parentFolderId: folder.parent?.id ?? '',
    childFolderCount: [...folders.values()].filter(({ parent }) => parent === folder).length,
    unreadItemCount: inside.filter(({ isRead }) => !isRead).length,
    totalItemCount: inside.length,
    sizeInBytes: inside.reduce((sum, { body }) => sum + body.length, 0),
    isHidden: folder.hidden,
  };
}
