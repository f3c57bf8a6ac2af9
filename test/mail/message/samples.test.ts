import PostalMime, { type Address, type Email } from 'postal-mime';
import { describe, expect, it } from 'vitest';
import type { MailMessage } from '../../../lib/db/mail-types.ts';
import { createMessageReader } from '../../../lib/mail/message/reader.ts';
import { asGmailMessage, readSamples } from './samples.ts';

const read = await createMessageReader();

/** No mails: bare texts, which a mail parser takes for headers where a line has a colon, and notes. */
const NO_MAIL = /^email_reply_parser\/|README\.txt$|_decoded_1\.txt$|sparrow_reply_text$|^tika\/(?:quoted|multiline2)\.mbox$/;

/** Where the second opinion differs, and why ours is kept. */
const OTHER_PEOPLE: Record<string, string> = {
  'mail-gem/rfc2822/example10.eml': 'comments within addresses: the other parser takes them for parts of the address',
};
const OTHER_TEXT: Record<string, string> = {
  'mime4j/mimetools-testmsgs/x-gzip64.msg': 'a transfer encoding that nobody knows: ours lists a file, the other reads its base64 as text',
};

const samples = readSamples().map(({ name, eml }) => ({ name, eml, message: read(asGmailMessage(eml)) }));
const mails = samples.filter(({ name }) => !NO_MAIL.test(name));
const sample = (name: string): MailMessage => samples.find((one) => one.name === name)?.message ?? expect.fail(`no sample ${name}`);

const addressesOf = (list: (Address | undefined)[]): string[] =>
  list.flatMap((one) => one?.group ?? one ?? []).map(({ address, name }) => (address || name).trim().toLowerCase());

const wordsOf = (text: string): Set<string> => new Set(text.toLowerCase().match(/[\p{L}\p{N}]{2,}/gu));

describe.each(mails)('$name', ({ name, eml, message }) => {
  const parsed: Promise<Email> = PostalMime.parse(eml);

  it('has the subject that another parser finds', async () => {
    const { subject = '' } = await parsed;
    expect(message.subject).toBe(subject.replace(/\s+/g, ' ').trim());
  });

  it.skipIf(name in OTHER_PEOPLE)('has the people that another parser finds', async () => {
    const { from, to = [], cc = [], replyTo = [] } = await parsed;
    const { people } = message;
    expect(message.fromAddress).toBe(addressesOf([from])[0] ?? null);
    expect([people.to, people.cc, people.replyTo].map((list) => list.map(({ address }) => address.toLowerCase()))).toEqual(
      [to, cc, replyTo].map(addressesOf),
    );
  });

  it.skipIf(name in OTHER_TEXT)('has nearly all words of the text that another parser finds', async () => {
    const { text = '' } = await parsed;
    const expected = wordsOf(text);
    const ours = wordsOf(message.text);
    const missing = [...expected].filter((word) => !ours.has(word));
    expect(missing.length, missing.slice(0, 20).join(' ')).toBeLessThanOrEqual(expected.size * 0.05);
  });
});

describe('the samples', () => {
  it('are 55', () => {
    expect(samples).toHaveLength(55);
  });

  it('hold nothing that cannot be stored', () => {
    for (const { message } of samples) {
      const stored = JSON.stringify(message);
      expect(stored).not.toContain('\\u0000');
      expect(stored.isWellFormed()).toBe(true);
    }
  });

  it('have no tags left of their HTML', () => {
    const left = mails.filter(({ message }) => /<\/?(?:p|br|div|td|tr|table|font|span|a|b|html|body)\b[^<>]*>/i.test(message.text));
    expect(left.map(({ name }) => name)).toEqual([]);
  });

  it('have no replacement characters but those that were sent', () => {
    const damaged = samples.filter(({ message, eml }) => JSON.stringify(message).includes('\ufffd') && !eml.toString().includes('\ufffd'));
    expect(damaged.map(({ name }) => name)).toEqual([]);
  });

  it('in Japanese have the words that were written', () => {
    const utf8 = sample('mail-gem/multi_charset/japanese.eml');
    expect(utf8).toMatchObject({ subject: 'まみむめも', people: { to: [{ name: 'みける' }] } });
    expect(utf8.text).toContain('かきくえこ');
    expect(sample('mail-gem/multi_charset/japanese_shift_jis.eml').text).toBe(
      'あいうえお\n\nこのメールはテスト用のメールです。\n\n今後ともよろしくお願い申し上げます！',
    );
  });

  it('with comments in their addresses have people without them', () => {
    expect(sample('mail-gem/rfc2822/example10.eml')).toMatchObject({
      fromName: 'Pete',
      fromAddress: 'pete@silly.test',
      people: {
        to: [{ name: 'Chris Jones', address: 'c@public.example' }, { address: 'joe@example.org' }, { name: 'John', address: 'jdoe@one.test' }],
        cc: [],
      },
    });
  });

  it('that are delivery reports tell why, and what was returned', () => {
    expect(sample('mail-gem/multipart_report_emails/report_530.eml').text).toContain('553 5.3.0 <edwin@zzzzzzz.com>... Unknown E-Mail Address');
    expect(sample('mailparser/delivery-status.eml').text).toMatch(/An error occurred.*Subject: Example Subject.*Hi,/s);
  });
});
