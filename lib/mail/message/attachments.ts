import type { Attachment } from '../../db/mail-types.ts';
import { LONGEST_FILENAME, LONGEST_NAME, MOST_ATTACHMENTS } from './limits.ts';
import type { Part } from './part.ts';
import { cut, oneLine } from './storable.ts';

const TEXTS = new Set(['text/plain', 'text/html', 'text/rfc822-headers', 'text/x-amp-html', 'text/enriched', 'text/richtext', 'text/watch-html']);

/** Whether a part is text to be read in the mail itself. */
export function isBodyText({ mimeType, disposition, filename, attachmentId, data, parts }: Part): boolean {
  if (!TEXTS.has(mimeType) || disposition === 'attachment' || parts.length > 0) return false;
  return !filename && !(attachmentId && !data);
}

/** Reports of mail programs; their content is text. */
export const isStatus = ({ mimeType }: Part): boolean =>
  /^message\/(?:global-)?(?:delivery-status|disposition-notification|feedback-report)$/.test(mimeType);

function isAttachment(part: Part): boolean {
  if (part.filename || part.attachmentId) return true;
  if (part.parts.length > 0 || part.mimeType.startsWith('multipart/') || isBodyText(part)) return false;
  return part.disposition === 'attachment' || !(isStatus(part) || part.mimeType.startsWith('message/') || part.size === 0);
}

/** `shown`: the Content-IDs that the text refers to. */
export function readAttachments(root: Part, shown: ReadonlySet<string>): Attachment[] {
  const found: Attachment[] = [];
  const walk = (part: Part): void => {
    if (isAttachment(part) && found.length < MOST_ATTACHMENTS) found.push(attachmentOf(part, shown));
    part.parts.forEach(walk);
  };
  walk(root);
  return found;
}

function attachmentOf(part: Part, shown: ReadonlySet<string>): Attachment {
  const contentId = part.headers.raw('content-id')?.replace(/^<|>$/g, '');
  return {
    filename: safeFilename(part.filename),
    mimeType: part.mimeType,
    size: part.size,
    attachmentId: part.attachmentId && cut(oneLine(part.attachmentId), LONGEST_NAME * 2),
    inline: part.disposition === 'inline' || (contentId !== undefined && shown.has(contentId)),
  };
}

/** The name alone, without a path: nobody but its sender knows that folder. Null where nothing is left. */
function safeFilename(filename: string): string | null {
  const name = oneLine(filename).split(/[/\\]/).at(-1)?.trim() ?? '';
  if (!name || /^\.+$/.test(name)) return null;
  if (name.length <= LONGEST_FILENAME) return name;
  const extension = /\.[^.]{1,20}$/.exec(name)?.[0] ?? '';
  return cut(name.slice(0, -extension.length || undefined), LONGEST_FILENAME - extension.length) + extension;
}
