import { describe, expect, it } from 'vitest';
import { createMessageReader } from '../../../lib/mail/message/reader.ts';
import { type GmailPart, part, parts } from './parts.ts';

const read = await createMessageReader();
const attachmentsOf = (...list: GmailPart[]) => read({ payload: parts('multipart/mixed', ...list) }).attachments;
const file = (filename: string, headers: Record<string, string> = {}): GmailPart =>
  part('application/pdf', 'content', { filename, headers, attachmentId: 'A1' });

describe('a message', () => {
  it('keeps what Gmail says of it', () => {
    const message = read({
      id: '18c2',
      threadId: '18c1',
      historyId: '98765432109876543210',
      internalDate: '1286981584000',
      labelIds: ['INBOX', 'UNREAD', 'INBOX'],
      snippet: 'Fish &amp; chips &#39;n&#39; &lt;b&gt; \u200c\u200c\u200c',
      sizeEstimate: 1234,
      payload: part('text/plain', 'x', { headers: { Date: 'Wed, 13 Oct 2010 07:53:04 -0700' } }),
    });
    expect(message).toMatchObject({
      id: '18c2',
      threadId: '18c1',
      historyId: '98765432109876543210',
      receivedAt: '2010-10-13T14:53:04.000Z',
      sentAt: '2010-10-13T14:53:04.000Z',
      labels: ['INBOX', 'UNREAD'],
      snippet: "Fish & chips 'n' <b>",
      sizeBytes: 1234,
    });
  });

  it('has defaults for all that Gmail left out', () => {
    expect(read({})).toEqual({
      id: '',
      threadId: '',
      historyId: '0',
      receivedAt: '1970-01-01T00:00:00.000Z',
      sentAt: null,
      fromName: null,
      fromAddress: null,
      people: { to: [], cc: [], bcc: [], replyTo: [] },
      subject: '',
      snippet: '',
      text: '',
      labels: [],
      headers: {},
      attachments: [],
      sizeBytes: 0,
    });
  });

  it('was received when it was sent, where Gmail does not say', () => {
    const payload = part('text/plain', 'x', { headers: { Date: 'Wed, 13 Oct 2010 07:53:04 GMT' } });
    expect(read({ internalDate: 'soon', payload }).receivedAt).toBe('2010-10-13T07:53:04.000Z');
  });
});

describe('an attachment', () => {
  it('is listed with its name, type, size and id', () => {
    expect(attachmentsOf(part('text/plain', 'Hello'), file('a.pdf', { 'Content-Disposition': 'attachment' }))).toEqual([
      { filename: 'a.pdf', mimeType: 'application/pdf', size: 7, attachmentId: 'A1', inline: false },
    ]);
  });

  it.each([
    ['is decoded', '=?utf-8?Q?Caf=C3=A9.pdf?=', {}, 'Café.pdf'],
    ['comes without its folder', 'C:\\Users\\ann\\..\\a.pdf', {}, 'a.pdf'],
    ['comes without a path', '../../etc/passwd', {}, 'passwd'],
    ['comes without controls and direction marks', 'a\u202efdp\u0000.exe\n', {}, 'afdp.exe'],
    ['may be none', '..', {}, null],
    ['keeps its extension where it is too long', `${'x'.repeat(400)}.pdf`, {}, `${'x'.repeat(248)}[…].pdf`],
    ['may stand in Content-Disposition', '', { 'Content-Disposition': 'attachment; filename="a;b \\"c\\".pdf"' }, 'a;b "c".pdf'],
    ['may be in pieces', '', { 'Content-Disposition': "attachment; filename*1*=%A9.pdf; filename*0*=utf-8''Caf%C3; filename=old.pdf" }, 'Café.pdf'],
    ['may be in plain pieces', '', { 'Content-Disposition': 'attachment; filename*0="long "; filename*1="name.pdf"' }, 'long name.pdf'],
    ['may be in another charset', '', { 'Content-Disposition': "attachment; filename*=iso-8859-1'fr'Caf%E9.pdf" }, 'Café.pdf'],
  ])('’s name %s', (_, filename, headers, name) => {
    expect(attachmentsOf(file(filename, headers))[0]?.filename).toBe(name);
  });

  it('is inline where it is said to be, or where the HTML shows it', () => {
    const shown = part('text/html', '<img src="cid:logo@x">');
    expect(attachmentsOf(shown, file('a.png', { 'Content-ID': '<logo@x>', 'Content-Disposition': 'attachment' }))).toMatchObject([{ inline: true }]);
    expect(attachmentsOf(shown, file('a.png', { 'Content-ID': '<other@x>' }))).toMatchObject([{ inline: false }]);
    expect(attachmentsOf(file('a.png', { 'Content-Disposition': 'inline' }))).toMatchObject([{ inline: true }]);
  });

  it('may be a calendar entry, a signature or a mail, and is none where it is text to be read', () => {
    const calendar = part('text/calendar; method=REQUEST', 'BEGIN:VCALENDAR');
    const mail = part('message/rfc822', '', { attachmentId: 'A2', parts: [part('text/plain', 'inner'), file('b.pdf')] });
    const text = part('text/plain', 'Hello', { headers: { 'Content-Disposition': 'inline' } });
    expect(attachmentsOf(text, calendar, mail).map(({ mimeType }) => mimeType)).toEqual(['text/calendar', 'message/rfc822', 'application/pdf']);
  });
});
