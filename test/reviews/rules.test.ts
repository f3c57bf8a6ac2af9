import { describe, expect, it } from 'vitest';
import { broken, checkReply, type ReplyTerms } from '../../lib/reviews/rules.ts';

const REVIEW =
  'The pasta was cold and we waited 40 minutes. My name is John Miller, order no. 12345-AB, mail me: john@example.com or +1 555 123 4567.';
const terms: ReplyTerms = {
  review: REVIEW,
  brandVoice: 'Warm and brief. Write to care@olive.example. Sign as Anna, The Olive Tree.',
  language: 'en',
  longest: 600,
};
const brokenBy = async (reply: string, change: Partial<ReplyTerms> = {}) =>
  broken(await checkReply(reply, { ...terms, ...change })).map(({ rule }) => rule);

describe('a reply is refused when it', () => {
  it.each([
    ['promises a refund', 'We are sorry about the pasta. You will get a full refund.', 'no_promise'],
    ['mentions a refund without offering it', 'We are sorry that you had to ask for your refund.', 'no_promise'],
    ['promises a discount in other words', 'Please come back, your next dinner is on the house.', 'no_promise'],
    ['offers something free', 'Please come back for a free dessert with us, and thank you.', 'no_promise'],
    ['hides a promise behind invisible characters', 'We are sorry. You will get a re\u200bfund from us very soon.', 'no_promise'],
    ['hides a promise in full-width letters', 'We are sorry, there is a ｒｅｆｕｎｄ waiting for you here.', 'no_promise'],
    ['promises in German', 'Wir bedauern das sehr und bieten Ihnen gerne einen Gutschein an.', 'no_promise', 'de'],
    ['promises in Spanish', 'Lo sentimos mucho, le ofrecemos un descuento en su visita.', 'no_promise', 'es'],
    ['promises in French', 'Nous sommes désolés et nous allons vous rembourser votre repas.', 'no_promise', 'fr'],
    ['names a number of its own', 'We are sorry that you waited 55 minutes for your pasta.', 'no_invented_facts'],
    ['writes a number of its own in words', 'We will answer you within three days, and we are sorry.', 'no_invented_facts'],
    ['names a price', 'Our pasta costs $12, and we are sorry that it was cold.', 'no_invented_facts'],
    ['names a date', 'We are sorry, please come and see us on Tuesday again.', 'no_invented_facts'],
    ['names a person', 'We are sorry, please ask for Marco at the entrance.', 'no_invented_facts'],
    ['is signed by somebody', 'We are sorry about your evening with us.\n\nMarco Rossi', 'no_invented_facts'],
    ['greets a name that nobody gave', 'Dear Susan,\n\nwe are sorry about your evening with us.', 'no_invented_facts'],
    ['names a link', 'We are sorry, please write to us at www.olive-help.com about it.', 'no_invented_facts'],
    ['tells of a measure', 'We are sorry. We have already retrained our staff because of it.', 'no_invented_facts'],
    ['gives the phone number of the reviewer away', 'We are sorry and will call you at +1 (555) 123-4567 about it.', 'no_personal_data'],
    ['gives the e-mail address of the reviewer away', 'We are sorry and will write to john@example.com about it.', 'no_personal_data'],
    ['gives the order number away', 'We are sorry about order 12345-AB and the cold pasta.', 'no_personal_data'],
    ['gives the name of the reviewer away', 'We are sorry, Mr Miller, about the cold pasta.', 'no_personal_data'],
    ['is too long', `We are sorry. ${'Thank you for your patience with us. '.repeat(20)}`, 'length'],
    ['is in another language', 'Wir bedauern sehr, dass Ihre Nudeln kalt waren, und danken Ihnen für Ihre Geduld.', 'language'],
    ['has no words', ' … ', 'not_empty'],
    ['has a blank left', 'Dear [Name], we are sorry about the cold pasta.', 'no_placeholders'],
  ])('%s', async (_, reply, rule, language = 'en') => {
    expect(await brokenBy(reply, { language })).toContain(rule);
  });
});

describe('a reply is accepted when it', () => {
  it.each([
    [
      'thanks and apologises',
      'Dear guest,\n\nThank you for telling us. We are sorry that the pasta was cold and that you had to wait.\n\nBest regards',
    ],
    ['says numbers of the review', 'We are sorry that you waited 40 minutes for pasta that was cold.'],
    [
      'gives the address of the brand voice',
      'We are sorry. Please write to care@olive.example, so that we can understand it.\n\nAnna, The Olive Tree',
    ],
    ['uses "free" without giving', 'We are sorry. Please feel free to write to us, you can count on us.'],
  ])('%s', async (_, reply) => {
    expect(broken(await checkReply(reply, terms))).toEqual([]);
  });

  it('speaks of what the review itself calls free', async () => {
    const review = 'The complimentary breakfast was lovely.';
    expect(await brokenBy('Thank you! It is good to read that the complimentary breakfast was lovely.', { review })).toEqual([]);
    expect(await brokenBy('Thank you! We would like to offer you a complimentary breakfast again.', { review })).toEqual(['no_promise']);
  });

  it('has German nouns with their capitals', async () => {
    const reply =
      'Guten Tag,\n\nvielen Dank für Ihre Bewertung. Wir bedauern, dass die Nudeln kalt waren, und nehmen Ihre Hinweise ernst.\n\nMit freundlichen Grüßen';
    expect(await brokenBy(reply, { language: 'de' })).toEqual([]);
  });
});

it('tells what is wrong without words of the review', async () => {
  const checks = await checkReply('We will write to john@example.com, Mr Miller.', terms);
  const told = checks.map(({ detail }) => detail).join(' ');
  expect(told).toContain('gives away: email');
  expect(told).not.toMatch(/john|miller/iu);
});
