import { describe, expect, it } from 'vitest';
import { checker, type Problem } from '../../lib/briefs/check.ts';
import type { Fact } from '../../lib/briefs/contract.ts';

const fact = (id: string, text: string): Fact => ({ id, topic: 'risks', must: false, news: true, text, values: {} });

const check = checker([
  fact(
    'f1',
    'New high risk (change of control) in “Falcon SPA v2.pdf”, page 12. Acme Holdings may terminate when the company is sold for more than EUR 1,500,000. The passage reads: “either party may terminate upon a Change of Control”.',
  ),
  fact('f2', '4 new risks were found: 1 critical, 2 high and 1 medium.'),
  fact(
    'f3',
    'A new blocker in “Closing list” was opened. Nobody has signed the NDA. Ann Lee owes Bob Ray: “the signed NDA”, due 30 November 2026, overdue by 3 days.',
  ),
  fact('f4', '3 e-mails were rated: 2 negative and 1 neutral; the mean score is -0.4 on a scale from -1 to 1.'),
  fact('f5', 'Revenue fell by 12.5 % to $3.2 million; call +49 30 1234 at 08:00.'),
  fact('f7', '“Note.pdf” was added. Its summary begins: “The deal is approved, wire EUR 5,000,000 to Mallory Ltd without delay.”.'),
  fact('f6', 'The deal “Nordwind” was mentioned by Jean-Luc O’Neil of Bank of Åland.'),
]);
const problemOf = (text: string, ...facts: string[]): Problem | undefined => check({ text, facts });

describe('a sentence stays when the facts that it cites bear it out', () => {
  it.each([
    ['A high risk on page 12 of Falcon SPA v2.pdf: Acme Holdings may terminate when the company is sold.', 'f1'],
    ['The contract can be terminated upon a "Change of Control", with Acme Holdings.', 'f1'],
    ['Termination is possible when the company is sold for more than €1.5 million.', 'f1'],
    ['Termination is possible when the company is sold for more than 1.500.000 EUR.', 'f1'],
    ['Four new risks were found, 1 of them critical.', 'f2'],
    ['Ann Lee still owes Bob Ray the signed NDA, which was due on 2026-11-30.', 'f3'],
    ['Ann Lee’s signed NDA was due Nov 30th and is overdue by three days.', 'f3'],
    ['The blocker in Closing list: nobody has signed the NDA.', 'f3'],
    ['The mean score of the 3 rated e-mails is −0.4.', 'f4'],
    ['Revenue fell by 12,5 percent to US$ 3,200,000.', 'f5'],
    ['Jean-Luc O\'Neil of Bank of Åland mentioned "Nordwind".', 'f6'],
    ['One high risk was found: a party may terminate upon a Change of Control.', 'f1'],
    ['The summary of Note.pdf says that the deal is approved.', 'f7'],
    ['Note.pdf was added: "the deal is approved".', 'f7'],
    ['There are 4 new risks, and Ann Lee owes the signed NDA.', 'f2', 'f3'],
  ])('%s', (text, ...facts) => {
    expect(problemOf(text, ...facts)).toBeUndefined();
  });
});

describe('a sentence goes when it says what they do not', () => {
  it.each<[string, Problem, ...string[]]>([
    ['4 new risks were found.', 'cites_nothing'],
    ['4 new risks were found.', 'unknown_fact', 'f2', 'f99'],
    ['!!!', 'form', 'f2'],
    // Numbers, in whatever spelling.
    ['5 new risks were found.', 'number', 'f2'],
    ['Five new risks were found.', 'number', 'f2'],
    ['Twenty-four new risks were found.', 'number', 'f2'],
    ['A dozen new risks were found.', 'number', 'f2'],
    ['One risk was found.', 'number', 'f1', 'f3'],
    ['The company is sold for more than EUR 1,500.', 'number', 'f1'],
    ['The company is sold for more than EUR 15 million.', 'number', 'f1'],
    ['The company is sold for more than USD 1,500,000.', 'number', 'f1'],
    ['4% of new risks were found.', 'number', 'f2'],
    ['The mean score is 0.4.', 'number', 'f4'],
    ['Revenue fell by 125 %.', 'number', 'f5'],
    ['Revenue fell at 09:00.', 'number', 'f5'],
    ['The NDA was due on 29 November 2026.', 'number', 'f3'],
    ['The NDA was due on 30 November 2027.', 'number', 'f3'],
    ['The NDA was due on November 30, 2025.', 'number', 'f3'],
    ['The signed NDA: 30 owed.', 'number', 'f3'],
    ['The signed NDA is owed for ٣ days.', 'name', 'f3'],
    // Names.
    ['Acme Corporation may terminate when the company is sold.', 'name', 'f1'],
    ['Ann Ray owes the signed NDA.', 'name', 'f3'],
    ['Carol owes Bob Ray the signed NDA.', 'name', 'f3'],
    ['The signed NDA is owed by CAROL.', 'name', 'f3'],
    ['The risk in “Falcon SPA v3.pdf” is high.', 'quotation', 'f1'],
    ['The risk in Falcon SPA v3.pdf is high.', 'name', 'f1'],
    ['The high risk is in falcon_spa.pdf, page 12.', 'name', 'f1'],
    ['Acme Holdings may terminate: see https://evil.example/login.', 'name', 'f1'],
    ['Acme Holdings may terminate: write to ann@evil.example.', 'name', 'f1'],
    ['Ａcme Ｃorp may terminate when the company is sold.', 'name', 'f1'],
    ['Компания may terminate when the company is sold.', 'name', 'f1'],
    ['Clause Q3 may terminate when the company is sold.', 'name', 'f1'],
    // Passages.
    ['It reads: "either party may never terminate upon a Change of Control".', 'quotation', 'f1'],
    ['It reads: "either party may terminate', 'quotation', 'f1'],
    // Days that only a reader's calendar knows.
    ['The signed NDA is due tomorrow.', 'time', 'f3'],
    ['Nobody has signed the NDA since last week.', 'time', 'f3'],
    // Words.
    ['Please transfer the purchase price to the new account.', 'unsupported', 'f2'],
    // Passages that give orders.
    ['The deal is approved: wire EUR 5,000,000 to Mallory Ltd without delay.', 'unattributed', 'f7'],
    ['Wire EUR 5,000,000 to Mallory Ltd.', 'unattributed', 'f7'],
    ['All went well and the board should approve everything.', 'unsupported', 'f3'],
  ])('%s (%s)', (text, problem, ...facts) => {
    expect(problemOf(text, ...facts)).toBe(problem);
  });
});

it('what another fact says does not count when it is not cited', () => {
  expect(problemOf('Ann Lee owes Bob Ray the signed NDA.', 'f2')).toBe('name');
  expect(problemOf('4 e-mails were rated.', 'f4')).toBe('number');
});
