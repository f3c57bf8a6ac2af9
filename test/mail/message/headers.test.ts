import { describe, expect, it } from 'vitest';
import { createMessageReader } from '../../../lib/mail/message/reader.ts';
import { withHeaders } from './parts.ts';

const read = await createMessageReader();

const encoded = (charset: string, bytes: number[]): string => `=?${charset}?B?${Buffer.from(bytes).toString('base64')}?=`;

describe('a subject', () => {
  it.each([
    ['in words of base64', '=?UTF-8?B?44G+44G/44KA44KB44KC?=', 'まみむめも'],
    ['in words of quoted-printable', 'Re: =?iso-8859-1?Q?Caf=E9_au_lait?=', 'Re: Café au lait'],
    ['in two words that cut a letter in two', '=?utf-8?B?w6nD?= =?utf-8?B?qQ==?=', 'éé'],
    ['in two words of different charsets', '=?utf-8?Q?=C3=A9?=\r\n =?iso-8859-1?Q?=E9?=', 'éé'],
    ['in ISO-2022-JP', '=?ISO-2022-JP?B?GyRCJCIkJBsoQg==?=', 'あい'],
    ['in KOI8-R', encoded('koi8-r', [0xf0, 0xd2, 0xc9, 0xd7, 0xc5, 0xd4]), 'Привет'],
    ['in GB18030', encoded('gb18030', [0xc4, 0xe3, 0xba, 0xc3]), '你好'],
    ['in KS C 5601', encoded('ks_c_5601-1987', [0xb0, 0xa1]), '가'],
    ['in Windows-1251', encoded('windows-1251', [0xcf]), 'П'],
    ['in Windows-31J', encoded('cp932', [0x82, 0xa0]), 'あ'],
    ['in a charset that nobody knows', '=?x-klingon?Q?Caf=E9?=', 'Café'],
    ['in UTF-8 that came as one character for each byte', 'CafÃ©', 'Café'],
    ['in Windows-1252 that came as one character for each byte', '\u0093Caf\u00e9\u0094', '“Café”'],
    ['that Gmail has decoded', 'Füße 🎉', 'Füße 🎉'],
    ['over several lines', 'one\r\n two\r\n\tthree', 'one two three'],
    ['with NUL, controls and direction marks', 'a\0b\u0007c\u202ed', 'abcd'],
    ['with half a pair', 'a\ud83d', 'a\ufffd'],
  ])('%s', (_, subject, text) => {
    expect(read(withHeaders({ Subject: subject })).subject).toBe(text);
  });

  it('is empty where there is none', () => {
    expect(read(withHeaders({})).subject).toBe('');
  });
});

describe('people', () => {
  const none = { name: null };
  it.each([
    ['a name', 'Ann Lee <Ann@Example.COM>', [{ name: 'Ann Lee', address: 'ann@example.com' }]],
    ['a bare address', 'ann@example.com', [{ ...none, address: 'ann@example.com' }]],
    ['a quoted name with a comma', '"Lee, Ann" <ann@example.com>', [{ name: 'Lee, Ann', address: 'ann@example.com' }]],
    ['an encoded name with a comma', '=?utf-8?Q?Lee=2C_Ann?= <ann@example.com>', [{ name: 'Lee, Ann', address: 'ann@example.com' }]],
    ['a name in a comment', 'ann@example.com (Ann Lee)', [{ name: 'Ann Lee', address: 'ann@example.com' }]],
    ['comments within an address', 'Pete(A \\) chap) <pete(his account)@silly.test(his host)>', [{ name: 'Pete', address: 'pete@silly.test' }]],
    [
      'a group',
      'Team: ann@example.com, Bob <bob@example.com>;',
      [
        { ...none, address: 'ann@example.com' },
        { name: 'Bob', address: 'bob@example.com' },
      ],
    ],
    ['an empty group', 'undisclosed-recipients:;', []],
    [
      'lines and empty places',
      'ann@example.com,\r\n bob@example.com,\r\n \r\n\tcy@example.com',
      ['ann', 'bob', 'cy'].map((name) => ({ ...none, address: `${name}@example.com` })),
    ],
    ['what is no address', 'Array', [{ ...none, address: 'Array' }]],
  ])('are read from %s', (_, to, people) => {
    expect(read(withHeaders({ To: to })).people.to).toEqual(people);
  });

  it('are kept by what they were told for', () => {
    const message = read(withHeaders({ From: 'A <a@x.example>', Cc: 'c@x.example', Bcc: 'b@x.example', 'Reply-To': 'r@x.example' }));
    expect(message).toMatchObject({
      fromName: 'A',
      fromAddress: 'a@x.example',
      people: { to: [], cc: [{ address: 'c@x.example' }], bcc: [{ address: 'b@x.example' }], replyTo: [{ address: 'r@x.example' }] },
    });
  });

  it('are found in Sender where there is no From', () => {
    expect(read(withHeaders({ Sender: 'S <s@x.example>' }))).toMatchObject({ fromName: 'S', fromAddress: 's@x.example' });
    expect(read(withHeaders({}))).toMatchObject({ fromName: null, fromAddress: null });
  });
});

describe('a Date header', () => {
  it.each([
    ['Wed, 13 Oct 2010 07:53:04 -0700 (PDT)', '2010-10-13T14:53:04.000Z'],
    ['13 Oct 10 07:53 GMT', '2010-10-13T07:53:00.000Z'],
    ['Fri, 21 Nov 97 09:55:06 EST', '1997-11-21T14:55:06.000Z'],
    ['Wed, 13 Oct 2010 07:53:04', '2010-10-13T07:53:04.000Z'],
    ['2010-10-13T07:53:04Z', '2010-10-13T07:53:04.000Z'],
    ['Wed, 15 Dec 2010    59:10 -0500', null],
    ['Wed, 31 Feb 2010 07:53:04 -0700', null],
    ['Wed, 13 Okt 2010 07:53:04 -0700', null],
    ['Wed, 13 Oct 2010 25:53:04 -0700', null],
    ['Wed, 13 Oct 2010 07:53:04 -9900', null],
    ['Wed, 13 Oct 0020 07:53:04 +0000', null],
    ['1', null],
    ['2010', null],
    ['tomorrow', null],
    ['', null],
  ])('%s', (date, time) => {
    expect(read(withHeaders({ Date: date })).sentAt).toBe(time);
  });
});

describe('headers', () => {
  it('are kept under lower-case names, decoded and in their order', () => {
    const message = read({
      payload: {
        headers: [
          { name: 'Received', value: 'by b' },
          { name: 'X-Note', value: '=?utf-8?Q?=C3=A9?=' },
          { name: 'RECEIVED', value: 'by a' },
          { name: '__proto__', value: 'x' },
        ],
      },
    });
    expect(Object.entries(message.headers)).toEqual([
      ['received', ['by b', 'by a']],
      ['x-note', ['é']],
      ['__proto__', ['x']],
    ]);
  });

  it('are cut where they are too long or too many', () => {
    const long = read(withHeaders({ 'X-Long': 'x'.repeat(1_000_000) })).headers['x-long']?.[0] ?? '';
    expect(long.length).toBe(50_000);
    expect(long.endsWith('[…]')).toBe(true);
    const many = Array.from({ length: 10_000 }, (_, index) => ({ name: `X-${index}`, value: 'v'.repeat(1_000) }));
    expect(Object.keys(read({ payload: { headers: many } }).headers)).toHaveLength(500);
  });
});
