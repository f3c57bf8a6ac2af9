import type { LocalTask } from '../ai/contract.ts';
import { labelOf, rounded } from '../reviews/labels.ts';
import { detect, isLocalLanguage } from '../reviews/language.ts';
import { scoreIn, scoreWhole } from '../reviews/local-sentiment.ts';
import type { SentimentAnswer } from './answers.ts';
import { mailSentences } from './sentences.ts';
import { urgencyOf } from './urgency.ts';

/**
 * What the local provider does for `email-sentiment`: the word lists that rate reviews (`lib/reviews/local-sentiment.ts`), without the formulas of
 * letters and the terms of deals, which mean nothing by themselves; urgency by a lexicon. `npm run bench -- emails.quality` measures it.
 * Deterministic; it does not see irony.
 */
const rateLocally: LocalTask = async ({ subject = '', text = '' }): Promise<SentimentAnswer> => {
  const sentences = mailSentences(text).map((sentence) => sentence.text);
  const language = await languageOf(text);
  const said = sentences.map((sentence) => withoutFormulas(sentence)).filter((sentence) => /\p{L}|\p{Extended_Pictographic}/u.test(sentence));
  const score = said.length === 0 ? 0 : rounded(scoreWhole(language, said));
  const parts = said.map((sentence) => scoreIn(language, sentence));
  return { score, mixed: labelOf(score, parts) === 'mixed', urgency: urgencyOf(subject, sentences) };
};

export default rateLocally;

/** From here on a guess at a language without lists of its own is right more often than English is. */
const LONG_ENOUGH = 150;

/** Short mails in English are taken for others too often. */
async function languageOf(text: string): Promise<string> {
  const { language, reliable } = await detect(text);
  return reliable && (isLocalLanguage(language) || text.length >= LONG_ENOUGH) ? language : 'en';
}

/** What every polite letter says. */
const FORMULAS =
  /\b(?:please|pls|kindly|dear|(?:many )?thanks(?: (?:again|in advance|and (?:best )?regards))?[,.!]?$|thank you(?: (?:very much )?in advance|[,.!]?$)|best regards|i hope (?:you are|this (?:e-?mail|message)? ?finds you) (?:doing )?well|(?:we |i )?look(?:ing)? forward to [^.!?]{0,80}|feel free|(?:do not|don['’]t) hesitate|if you have any (?:questions|concerns|problems|issues))/giu;
/** Names of things in a deal, which lexicons of feelings take for praise or blame. */
const TERMS =
  /\b(?:outstanding|shares?|shared|agreements?|interests?|trusts?|trustees?|securit(?:y|ies)|debts?|liabilit(?:y|ies)|liable|warrant(?:y|ies)|damages|defaults?|loss(?:es)?|claims?|disclaimers?|risk factors?|risks? (?:register|report|assessment|allocation)|value|valuation|benefits?|growth|competition|competitors?|party|parties|resolved?|approved?|confirm(?:ed|s)?|accept(?:ance|ed)?|good standing|goodwill|best efforts|fine print|clearly|sincerely|cut[- ]off|termination|alert|dispute resolution|no-?shop|poison pill|material adverse (?:change|effect)|force majeure|cover(?:ed)?|secured|credit|capital|equity|solvency|insolvency)\b/giu;

/** Marks stay, so that clauses do. */
export function withoutFormulas(sentence: string): string {
  return sentence
    .replace(FORMULAS, ' ')
    .replace(TERMS, ' ')
    .replace(/https?:\/\/\S{1,2000}|\S{1,200}@\S{1,200}/gu, ' ')
    .replace(/\s{2,}/gu, ' ')
    .trim();
}
