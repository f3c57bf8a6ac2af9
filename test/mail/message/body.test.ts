import { describe, expect, it } from 'vitest';
import { createMessageReader } from '../../../lib/mail/message/reader.ts';
import { type GmailPart, headerList, part, parts } from './parts.ts';

const read = await createMessageReader();
const textOf = (payload: GmailPart): string => read({ payload }).text;

const plain = (text: string): GmailPart => part('text/plain; charset=utf-8', text);
const html = (text: string): GmailPart => part('text/html; charset=utf-8', text);

describe('the text of a message', () => {
  it.each<[string, GmailPart, string]>([
    ['is its plain text', plain('\r\nHello\r\n\r\n  there  \r\n\r\n'), 'Hello\n\n  there'],
    ['is its HTML where there is no other', html('<p>Hello <b>there</b></p>'), 'Hello there'],
    ['is the plain one of two', parts('multipart/alternative', plain('plain'), html('<p>rich</p>')), 'plain'],
    ['is the HTML where the plain one is empty', parts('multipart/alternative', plain(' \r\n'), html('<p>rich</p>')), 'rich'],
    [
      'is the HTML where the plain one only says so',
      parts('multipart/alternative', plain('Your email client does not support HTML messages.'), html('<p>rich</p>')),
      'rich',
    ],
    [
      'is the plain stub where the HTML is empty',
      parts('multipart/alternative', plain('View this email in your browser'), html('<img src="x">')),
      'View this email in your browser',
    ],
    [
      'is found below other parts',
      parts(
        'multipart/mixed',
        parts('multipart/alternative', plain('plain'), parts('multipart/related', html('<p>rich</p>'), part('image/png', 'x'))),
      ),
      'plain',
    ],
    ['is all of its texts, in their order', parts('multipart/mixed', html('<p>rich</p>'), plain('footer')), 'rich\n\nfooter'],
    ['says nothing twice', parts('multipart/mixed', plain('Hello there'), html('<p>Hello</p><p>there</p>')), 'Hello there'],
    ['leaves attached texts out', parts('multipart/mixed', plain('Hello'), part('text/plain', 'notes', { filename: 'notes.txt' })), 'Hello'],
    ['leaves calendars out', parts('multipart/alternative', plain('Meet'), part('text/calendar; method=REQUEST', 'BEGIN:VCALENDAR')), 'Meet'],
    [
      'has the lines of flowed text put together',
      part('text/plain; format=flowed', 'One \r\ntwo\r\n> a \r\n> b \r\n>> c\r\n-- \r\nsig\r\n  x'),
      'One two\n> a b\n>> c\n--\nsig\n x',
    ],
    ['has no space where flowed text is told to delete it', part('text/plain; format=flowed; delsp=yes', 'あい \r\nうえ'), 'あいうえ'],
    ['is empty where Gmail sent none', {}, ''],
  ])('%s', (_, payload, text) => {
    expect(textOf(payload)).toBe(text);
  });

  it('is cut, with a mark, where it is too long', () => {
    const text = textOf(plain('word '.repeat(300_000)));
    expect(text.length).toBe(1_000_000);
    expect(text.endsWith('[…]')).toBe(true);
  });
});

describe('a charset', () => {
  const shiftJis = Buffer.from([0x82, 0xa0, 0x82, 0xa2]);
  it.each<[string, GmailPart, string]>([
    ['is heeded where the bytes are the sender’s', part('text/plain; charset=Shift_JIS', shiftJis), 'あい'],
    ['is passed over where Gmail has made UTF-8 of it', part('text/plain; charset=Shift_JIS', 'あい'), 'あい'],
    ['is heeded where its bytes are ASCII', part('text/plain; charset=ISO-2022-JP', '\u001b$B$"$$\u001b(B'), 'あい'],
    ['is seen by its escapes where none is named', part('text/plain', '\u001b$B$"$$\u001b(B'), 'あい'],
    ['is heeded where its bytes look like UTF-8 by accident', part('text/plain; charset=gb2312', Buffer.from([0xc4, 0xa3])), '模'],
    ['is passed over for words of European letters', part('text/plain; charset=gb2312', 'café'), 'café'],
    ['may be UTF-16', part('text/plain; charset=utf-16le', Buffer.from('Hé', 'utf16le')), 'Hé'],
    ['is guessed where it is unknown', part('text/plain; charset=x-unknown', Buffer.from([0x93, 0x48, 0xe9, 0x94])), '“Hé”'],
    ['is guessed where it is wrong', part('text/plain; charset=utf-8', Buffer.from('Hé', 'latin1')), 'Hé'],
    ['is UTF-8 where some of it is broken', part('text/plain; charset=utf-8', Buffer.concat([Buffer.from('Häß'), Buffer.from([0xe9])])), 'Häß\ufffd'],
    ['may stand within the HTML', part('text/html', Buffer.from('<meta charset="koi8-r"><p>\xf0\xd2</p>', 'latin1')), 'Пр'],
  ])('%s', (_, payload, text) => {
    expect(textOf(payload)).toBe(text);
  });
});

describe('HTML', () => {
  it.each([
    ['keeps links', '<a href="https://x.example/a">here</a>', 'here [https://x.example/a]'],
    ['shows a link once', '<a href="https://x.example/a">https://x.example/a</a>', 'https://x.example/a'],
    ['shortens links that track', `<a href="https://x.example/${'t'.repeat(400)}">here</a>`, 'here [https://x.example/…]'],
    ['leaves scripts of links out', '<a href="javascript:alert(1)">here</a>', 'here'],
    [
      'keeps what is said of pictures',
      '<p>See <img src="cid:1" alt="our logo"> and <img src="https://t.example/pixel.gif" width=1></p>',
      'See our logo and',
    ],
    ['leaves scripts and styles out', '<style>p{}</style><script>x()</script><p>Hello</p><noscript>no</noscript>', 'Hello'],
    ['leaves out what is hidden', '<div style="color:red;display:none">preview</div><p>Hello</p>', 'Hello'],
    [
      'has a line for each row of a table',
      '<table><tr><th>Item</th><th>Price</th></tr><tr><td>Apple</td><td>2</td></tr></table>',
      'Item Price\nApple 2',
    ],
    ['keeps lists and headings', '<h1>Buy</h1><ul><li>one</li><li>two</li></ul><ol><li>a</li></ol>', 'Buy\n\n- one\n- two\n\n 1. a'],
    ['keeps quotes', '<p>Yes</p><blockquote>Really?<br>Sure?</blockquote>', 'Yes\n\n> Really?\n> Sure?'],
    ['has its entities decoded', '<p>Fish &amp; chips&nbsp;&lt;3 &#x1F389;</p>', 'Fish & chips <3 🎉'],
    ['is read where it is broken', '</p><td>One<b>two<p>three</html>four', 'Onetwo\n\nthreefour'],
  ])('%s', (_, source, text) => {
    expect(textOf(html(source))).toBe(text);
  });

  it('is read to a bound of tags and depth, with a mark', () => {
    const text = textOf(html(`<p>first</p>${'<b>'.repeat(100_000)}last`));
    expect(text).toMatch(/^first\s/);
    expect(text).toContain('[…]');
    expect(text).not.toContain('last');
    expect(textOf(html(`${'<blockquote>'.repeat(200)}deep${'</blockquote>'.repeat(200)}`))).toBe(`${'> '.repeat(10)}deep`);
  });

  it('is read past a long picture that is written into it', () => {
    expect(textOf(html(`<img src="data:image/png;base64,${'A'.repeat(5_000_000)}"><p>after</p>`))).toBe('after');
  });
});

describe('a mail within a mail', () => {
  const inner = part('text/plain', 'Look at this', { headers: { From: 'Ann <ann@x.example>', Subject: '=?utf-8?Q?Caf=C3=A9?=', Date: 'today' } });

  it('is shown with its head', () => {
    expect(textOf(parts('multipart/mixed', plain('See below.'), parts('message/rfc822', inner)))).toBe(
      'See below.\n\n---------- Forwarded message ----------\nFrom: Ann <ann@x.example>\nDate: today\nSubject: Café\n\nLook at this',
    );
  });

  const fields =
    'Reporting-MTA: dns; mx.example\r\nX-Queue: 1\r\n\r\nFinal-Recipient: rfc822; bob@x.example\r\nAction: failed\r\nDiagnostic-Code: smtp; 550\r\n no such user\r\n';
  const readable = 'Reporting-Mta: mx.example\n\nFinal-Recipient: bob@x.example\nAction: failed\nDiagnostic-Code: 550 no such user';

  it.each<[string, GmailPart]>([
    ['as the text of its part', part('message/delivery-status', fields)],
    ['as a text within its part', parts('message/delivery-status', part('text/plain', fields))],
    [
      'as headers within its part',
      parts(
        'message/delivery-status',
        { headers: headerList({ 'Reporting-MTA': 'dns; mx.example' }) },
        { headers: headerList({ 'Final-Recipient': 'rfc822; bob@x.example', Action: 'failed', 'Diagnostic-Code': 'smtp; 550 no such user' }) },
      ),
    ],
  ])('may be a delivery report, %s', (_, status) => {
    expect(textOf(parts('multipart/report', plain('It failed.'), status))).toBe(`It failed.\n\n${readable}`);
  });
});
