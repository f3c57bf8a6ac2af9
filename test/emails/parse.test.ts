import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { contentHash } from '../../lib/emails/hash.ts';
import { plainMessageId } from '../../lib/emails/message-ids.ts';
import { LARGEST_EMAIL, parseEmail } from '../../lib/emails/parse.ts';

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/mail/${name}`, import.meta.url));
const mail = (...lines: string[]): Buffer => Buffer.from(lines.join('\r\n'));

describe('a mail as it came over the wire', () => {
  it.each([
    [
      'talon/standard_replies/gmail.eml',
      {
        messageId: 'CAKsfaBW4hj0Gek6TwbR3erng4P1y0CZzJ0d=pXtCNnYnbe7PLg@mail.gmail.com',
        threadId: 'CAKsfaBW4hj0Gek6TwbR3erng4P1y0CZzJ0d=pXtCNnYnbe7PLg@mail.gmail.com',
        inReplyTo: null,
        fromName: 'Megan One',
        fromAddress: 'xxx@gmail.com',
        recipients: [{ name: null, address: 'bob@example.com' }],
        subject: 'Re: Test',
        sentAt: '2012-04-02T16:21:52.000Z',
        text: 'Hello\n\nOn Mon, Apr 2, 2012 at 6:26 PM, Megan One <xxx@gmail.com> wrote:\n\n> Hi',
      },
    ],
    [
      'mail-gem/plain_emails/raw_email_reply.eml',
      {
        messageId: '473FFE27.20003@xxx.org',
        inReplyTo: '348F04F142D69C21-291E56D292BC@xxxx.net',
        threadId: '473FF3B8.9020707@xxx.org',
        text: 'Message body',
      },
    ],
    ['mail-gem/multi_charset/japanese_shift_jis.eml', { subject: 'test', text: expect.stringContaining('このメールはテスト用のメールです。') }],
    ['mail-gem/multipart_report_emails/report_530.eml', { text: expect.stringContaining('Final-Recipient: edwin@zzzzzzz.com\nAction: failed') }],
    ['talon/standard_replies/outlook.eml', { messageId: null, sentAt: null, threadId: expect.stringMatching(/^content-[0-9a-f]{32}$/) }],
  ])('is read: %s', async (name, expected) => {
    expect(await parseEmail(fixture(name))).toMatchObject(expected);
  });

  it.each([
    [['References: <a@x> <b@x>', 'In-Reply-To: <b@x>', 'Message-ID: <c@x>'], 'a@x'],
    [['In-Reply-To: <b@x> (Anna on Monday)', 'Message-ID: <c@x>'], 'b@x'],
    [['Message-ID: <c@x>'], 'c@x'],
    [['References: ', 'Message-ID: c@x'], 'c@x'],
  ])('belongs to a thread: %j', async (headers, threadId) => {
    expect(await parseEmail(mail('From: a@b.example', ...headers, '', 'Hello'))).toMatchObject({ threadId });
  });

  it('is of a thread of its own, the same each time, where it has no id', async () => {
    const [one, again, other] = await Promise.all(['Hello', 'Hello', 'Bye'].map((text) => parseEmail(mail('From: a@b.example', '', text))));
    expect(one?.threadId).toBe(again?.threadId);
    expect(one?.threadId).not.toBe(other?.threadId);
  });

  it('is readable text where it is HTML alone', async () => {
    const html = mail('From: a@b.example', 'Content-Type: text/html; charset=utf-8', '', '<p>The <b>NDA</b> is missing.</p><p>Anna</p>');
    expect((await parseEmail(html)).text).toBe('The NDA is missing.\n\nAnna');
  });

  it('names everybody it was sent to, as people read them', async () => {
    const { recipients } = await parseEmail(
      mail('From: a@b.example', 'To: =?utf-8?q?J=C3=BCrgen?= <J@B.example>, c@d.example', 'Cc: "Lee, Anna" <e@f.example>', '', 'x'),
    );
    expect(recipients).toEqual([
      { name: 'Jürgen', address: 'j@b.example' },
      { name: null, address: 'c@d.example' },
      { name: 'Lee, Anna', address: 'e@f.example' },
    ]);
  });

  it.each([
    ['larger than any mail', Buffer.concat([mail('From: a@b.example', '', ''), Buffer.alloc(LARGEST_EMAIL)]), 'email_too_large'],
    ['millions of empty lines', Buffer.concat([mail('From: a@b.example', '', ''), Buffer.alloc(20_000_000, '\n')]), 'email_too_large'],
    ['many empty lines', Buffer.concat([mail('From: a@b.example', '', ''), Buffer.alloc(150_000, '\n')]), 'email_too_large'],
    ['parts without end', mail('From: a@b.example', 'Content-Type: multipart/mixed; boundary=B', '', '--B\r\n'.repeat(30_000)), 'email_too_large'],
    ['no mail at all', Buffer.from('%PDF-1.7 and so on'), 'email_unreadable'],
    ['nothing', Buffer.alloc(0), 'email_unreadable'],
  ])('is refused for good when it is %s', async (_, bytes, code) => {
    await expect(parseEmail(bytes)).rejects.toMatchObject({ name: 'PermanentError', code });
  });
});

describe('the hash of a mail', () => {
  const base = { fromAddress: 'a@b.example', recipients: [], subject: 'NDA', sentAt: '2026-11-23T09:00:00.000Z', text: 'Hello' };

  it('is the same for the same mail, however its time and addresses are written', () => {
    expect(contentHash({ ...base, fromAddress: 'A@b.example', sentAt: '2026-11-23T10:00:00+01:00' })).toBe(contentHash(base));
  });

  it.each([{ text: 'Hello!' }, { subject: null }, { sentAt: null }, { recipients: [{ name: null, address: 'c@d.example' }] }])(
    'is another one with %j',
    (change) => {
      expect(contentHash({ ...base, ...change })).not.toBe(contentHash(base));
    },
  );
});

it.each([
  ['<a@x>', 'a@x'],
  [' a@x ', 'a@x'],
  ['', null],
  [null, null],
])('a message id %j is stored as %j', (id, plain) => {
  expect(plainMessageId(id)).toBe(plain);
});
