/** Gmail's message resource (users.messages), made of the mail itself. */
import type { StoredMail } from './mailbox.ts';
import { type MimePart, parseMime } from './mime.ts';
import { decodeText } from './mime-values.ts';

export const FORMATS = ['full', 'metadata', 'minimal', 'raw'] as const;
export type Format = (typeof FORMATS)[number];

export interface Payload {
  partId: string;
  mimeType: string;
  filename: string;
  headers: { name: string; value: string }[];
  body: { size: number; data?: string; attachmentId?: string };
  parts?: Payload[];
}

const SNIPPET_LENGTH = 200;

/** `metadataHeaders`: in lower case; empty for all. */
export function describeMail(mail: StoredMail, format: Format, metadataHeaders: readonly string[] = []): Record<string, unknown> {
  const bytes = mail.read();
  const root = parseMime(bytes);
  const common = {
    id: mail.id,
    threadId: mail.threadId,
    labelIds: mail.labelIds,
    snippet: snippetOf(root),
    sizeEstimate: bytes.length,
    historyId: mail.historyId.toString(),
    internalDate: String(mail.receivedAt),
  };
  if (format === 'minimal') return common;
  if (format === 'raw') return { ...common, raw: bytes.toString('base64url') };
  if (format === 'full') return { ...common, payload: payloadOf(root, mail.id, '') };
  const headers = root.headers.filter(({ name }) => metadataHeaders.length === 0 || metadataHeaders.includes(name.toLowerCase()));
  return { ...common, payload: { mimeType: root.mimeType, headers } };
}

function payloadOf(part: MimePart, messageId: string, partId: string): Payload {
  const { mimeType, filename, headers } = part;
  const parts = part.parts.map((child, index) => payloadOf(child, messageId, partId === '' ? `${index}` : `${partId}.${index}`));
  return { partId, mimeType, filename, headers, body: bodyOf(part, messageId, partId), ...(parts.length > 0 ? { parts } : {}) };
}

/** Files only by their id; texts come along. */
function bodyOf(part: MimePart, messageId: string, partId: string): Payload['body'] {
  const { body, mimeType, filename, isAttachment } = part;
  if (body.length === 0) return { size: 0 };
  const isFile = filename !== '' || isAttachment || !mimeType.startsWith('text/');
  if (isFile && partId !== '') return { attachmentId: attachmentIdOf(messageId, partId), size: body.length };
  return { size: body.length, data: body.toString('base64url') };
}

const ATTACHMENT = 'ANGjdJ8';

function attachmentIdOf(messageId: string, partId: string): string {
  return ATTACHMENT + Buffer.from(`${messageId}/${partId}`).toString('base64url');
}

/** The bytes of an attachment of this mail. */
export function readAttachment(mail: StoredMail, attachmentId: string): Buffer | undefined {
  const [messageId, partId] = Buffer.from(attachmentId.slice(ATTACHMENT.length), 'base64url').toString().split('/');
  if (messageId !== mail.id || !partId) return undefined;
  let part: MimePart | undefined = parseMime(mail.read());
  for (const index of partId.split('.')) part = part?.parts[Number(index)];
  return part?.body;
}

/** Text for people: of the plain part, else of the HTML. */
export function textOf(root: MimePart): string {
  const texts = leavesOf(root).filter(({ mimeType, isAttachment }) => mimeType.startsWith('text/') && !isAttachment);
  const chosen = texts.find(({ mimeType }) => mimeType === 'text/plain') ?? texts[0];
  if (!chosen) return '';
  const text = decodeText(chosen.body, chosen.charset);
  return chosen.mimeType === 'text/html' ? text.replace(/<(style|script)[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ') : text;
}

function leavesOf(part: MimePart): MimePart[] {
  return part.parts.length === 0 ? [part] : part.parts.flatMap(leavesOf);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Gmail escapes it as HTML. */
function snippetOf(root: MimePart): string {
  const text = textOf(root).slice(0, 4_000).replace(/\s+/g, ' ').trim().slice(0, SNIPPET_LENGTH);
  return text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);
}
