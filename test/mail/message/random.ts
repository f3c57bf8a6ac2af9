/** Messages that no mail program would send, the same ones for the same seed. */
import type { GmailMessage } from '../../../lib/mail/contract.ts';
import type { GmailPart } from './parts.ts';

const TYPES = [
  'text/plain',
  'text/html',
  'multipart/mixed',
  'multipart/alternative',
  'multipart/report',
  'message/rfc822',
  'message/delivery-status',
  'image/png',
  '',
];
const CHARSETS = ['utf-8', 'iso-2022-jp', 'shift_jis', 'gb18030', 'utf-16', 'utf-7', 'x-none', 'iso-2022-kr', '"', 'utf-8\0'];
const NAMES = ['Subject', 'From', 'To', 'Cc', 'Date', 'Content-Type', 'Content-Disposition', 'Content-ID', '', 'constructor'];
const SNIPPETS = [
  '=?',
  '?B?',
  '?Q?',
  '?=',
  '<',
  '>',
  '"',
  "'",
  '(',
  ')',
  ',',
  ':',
  ';',
  '@',
  '\0',
  '\ud83d',
  '\udc00',
  '\r\n ',
  '<b>',
  '</td>',
  '<!--',
  '&#0;',
  '&#xd800;',
  '=?utf-16le?B?AAAA2A==?=',
  '\u001b$B',
  '%00',
  '*0*=',
  'a',
];

export function randomFrom(seed: number): { message(): GmailMessage } {
  let state = seed + 1;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const pick = (list: readonly string[]): string => list[next(list.length)] ?? '';
  const text = (): string => Array.from({ length: next(20) }, () => pick(SNIPPETS)).join('');
  const bytes = (): Buffer => (next(2) === 0 ? Buffer.from(text()) : Buffer.from(Array.from({ length: next(200) }, () => next(256))));
  const headers = (type: string): { name: string; value: string }[] => [
    { name: 'Content-Type', value: `${type}; charset=${pick(CHARSETS)}; format=flowed; name*0*=${text()}` },
    ...Array.from({ length: next(8) }, () => ({ name: pick(NAMES), value: text() })),
  ];
  const part = (depth: number): GmailPart => {
    const mimeType = pick(TYPES);
    const children = depth < 4 && next(2) === 0 ? Array.from({ length: next(4) }, () => part(depth + 1)) : [];
    return {
      mimeType,
      filename: next(3) === 0 ? text() : '',
      headers: headers(mimeType),
      body: { data: bytes().toString('base64url') },
      parts: children,
    };
  };
  return { message: () => ({ id: text(), snippet: text(), labelIds: [text()], internalDate: text(), payload: part(0) }) };
}
