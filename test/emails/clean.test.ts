import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadCleaner } from '../../lib/emails/clean.ts';
import { parseEmail } from '../../lib/emails/parse.ts';

const clean = await loadCleaner();
const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const expected: Record<string, string> = JSON.parse(fixture('emails/expected.json').toString());
const forms: { name: string; text: string; own: string }[] = JSON.parse(fixture('emails/forms.json').toString());

/** Whether a line is empty between two answers is nobody's concern. */
const lines = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');

describe('what the writer of a mail wrote', () => {
  it.each(Object.entries(expected))('is all that is left of %s', async (name, own) => {
    const bytes = fixture(`mail/${name}`);
    const text = name.endsWith('.eml') ? (await parseEmail(bytes)).text : bytes.toString();
    expect(lines(clean(text).text)).toEqual(lines(own));
  });

  it.each(forms)('is told from the rest: $name', ({ text, own }) => {
    expect(lines(clean(text).text)).toEqual(lines(own));
    expect(lines(clean(text.replaceAll('\n', '\r\n')).text)).toEqual(lines(own));
  });

  it.each([
    ['> Only a quote.', true],
    ['---------- Forwarded message ---------\nFrom: Anna <a@b.example>\nSubject: NDA\nTo: Ben\n\nThe NDA is missing.', true],
    ['Kind regards\nAnna', false],
    ['  \n ', false],
  ])('is never nothing: %j', (text, onlyQuoted) => {
    expect(clean(text)).toEqual({ text: text.trim(), onlyQuoted });
  });

  it('goes on behind what is too long to be looked at closely', () => {
    const paragraph = `${'A sentence of the writer. '.repeat(4)}\n\n`;
    const own = `${paragraph.repeat(200)}The last point.`;
    expect(clean(`${own}\n\nOn Mon, Nov 23, 2026 at 9:12 AM Anna <a@b.example> wrote:\n> The NDA is missing.`).text).toBe(
      own.replaceAll(' \n', '\n'),
    );
  });

  it('keeps a line that is longer than any pattern may see', () => {
    const long = `Please look: ${'word '.repeat(100)}end.`;
    expect(clean(`${long}\n\n> quoted\n\nAnna`).text).toContain(long);
  });
});

const MEGABYTE = 1_000_000;
const filled = (unit: string): string => unit.repeat(Math.ceil(MEGABYTE / unit.length));

describe('a megabyte that was made to take long', () => {
  it.each([
    ['one line', 'a'],
    ['words', 'On a '],
    ['empty lines', '\n'],
    ['lines of blanks', ' \n'],
    ['headings that never end', 'On 2020 at 10:10 wrote '],
    ['what the package reads with the fourth power', `${'2011from<'.repeat(16)}\n`],
    ['the same in paragraphs', `${'2011from<'.repeat(200)}\n\n`],
    ['the same in one line', '2011from<'],
    ['headings in Dutch', 'Op x\n'],
    ['labels', 'From: x\n'],
    ['quotes between empty lines', '> a\n\nb\n'],
    ['rules', '---\n'],
    ['sign-offs', 'Regards,\n'],
    ['notices', 'this message '],
  ])('is cleaned in no time: %s', (_, unit) => {
    const cpu = process.cpuUsage();
    clean(filled(unit));
    // The package alone takes hours for some of these; a second of CPU is 20 times what ours takes.
    expect(process.cpuUsage(cpu).user).toBeLessThan(1_000_000);
  });
});
