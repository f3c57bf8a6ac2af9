import type { GmailMessage } from '../../../lib/mail/contract.ts';

export type GmailPart = NonNullable<GmailMessage['payload']>;

export type PartOptions = Partial<Omit<GmailPart, 'headers' | 'body'>> & { headers?: Record<string, string>; attachmentId?: string };

/** A part of a message with this content; `type` is the whole Content-Type. */
export function part(type: string, content: string | Buffer, { headers = {}, attachmentId, ...rest }: PartOptions = {}): GmailPart {
  const bytes = Buffer.from(content);
  return {
    mimeType: type.replace(/;.*$/s, ''),
    headers: headerList({ 'Content-Type': type, ...headers }),
    body: { size: bytes.length, ...(attachmentId ? { attachmentId } : { data: bytes.toString('base64url') }) },
    ...rest,
  };
}

export const parts = (type: string, ...children: GmailPart[]): GmailPart => part(type, '', { parts: children });

export const headerList = (headers: Record<string, string>): { name: string; value: string }[] =>
  Object.entries(headers).map(([name, value]) => ({ name, value }));

/** A message of plain text with these headers. */
export const withHeaders = (headers: Record<string, string>): GmailMessage => ({ id: 'a', payload: part('text/plain', 'Hello', { headers }) });
