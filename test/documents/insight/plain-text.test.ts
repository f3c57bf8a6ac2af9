import { describe, expect, it } from 'vitest';
import { plainText } from '../../../lib/documents/insight/plain-text.ts';

describe('words of a model', () => {
  it.each([
    ['The rent is 5 % of sales (net), i.e. €1,200 & more.', 'The rent is 5 % of sales (net), i.e. €1,200 & more.'],
    ['**Bold** _and_ `code`', 'Bold _and_ code'],
    ['# A heading\n\n- a point\n- another', 'A heading - a point - another'],
    ['See [the bank](https://evil.example/a(b)c) or ![x](http://evil.example/p.png).', 'See the bank or x.'],
    ['[a][ref] and [b]: next', '[a] [ref] and [b] : next'],
    ['<script>alert(1)</script><b>now</b> 3 < 4', 'alert(1) now 3 4'],
    ['Pay at HTTPS://evil.example/x?y=1, or www.evil.example.', 'Pay at (link) or (link)'],
    ['javascript:alert(1) data:text/html,x', '(link)(1) (link)'],
    ['Write to boss@evil.example.', 'Write to (address).'],
    ['a\u202eb\u200bc\u{e0041}d\u0007e\u0000f', 'abcd e f'],
  ])('%j become plain: %j', (said, plain) => {
    expect(plainText(said, 500)).toBe(plain);
  });

  it('are cut at the end of a sentence, else of a word', () => {
    expect(plainText('One sentence here. Another sentence that is longer.', 30)).toBe('One sentence here.');
    expect(plainText('A sentence without any end that goes on', 20)).toBe('A sentence without…');
    expect(plainText('x'.repeat(50), 20).length).toBeLessThanOrEqual(20);
  });
});
