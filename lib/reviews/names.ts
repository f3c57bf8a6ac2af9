import { primaryLanguage } from './language.ts';
import rules from './lexicons/rules.json' with { type: 'json' };

const ALLOWED = new Set(rules.capitals.split(' '));
/** German writes every noun with a capital; there a name is what follows a title, or stands alone below the text. */
const GERMAN = /(?<![\p{L}])(?:und|nicht|wir|Sie|Ihnen|Ihre?[nmrs]?|für|ist|haben|das|der|die)(?![\p{L}])/gu;
const TITLED = /(?<!\p{L})(?:Mr|Mrs|Ms|Dr|Herrn?|Frau|Señora?|Sra?|M|Mme|Madame|Monsieur|Sig|Signora?)\.? (\p{Lu}[\p{L}'-]+)/gu;
const LONGEST_SIGNATURE = 5;

/**
 * Names in `reply` that `known` does not have: words with a capital inside a sentence, after a title, or in a line of signature. A first name that
 * opens a sentence is not told from any other word there.
 */
export function inventedNames(reply: string, known: string, language = ''): string[] {
  const words = new Set(wordsIn(known));
  const german = primaryLanguage(language) === 'de' || (reply.match(GERMAN)?.length ?? 0) >= 3;
  const titled = [...reply.matchAll(TITLED)].map(([, name]) => name ?? '');
  const inside = reply.split('\n').flatMap((line) => [...(german ? [] : insideSentences(line)), ...signature(line, german)]);
  return [...titled, ...inside].filter((name) => name !== '' && !words.has(name.toLowerCase()) && !ALLOWED.has(name.toLowerCase()));
}

function wordsIn(text: string): string[] {
  return [...text.toLowerCase().matchAll(/\p{L}[\p{L}'-]*/gu)].map(([word]) => word.replace(/'s$/u, ''));
}

function insideSentences(line: string): string[] {
  // A sentence may open after its mark, a bracket, a quotation mark or a dash.
  return [...line.matchAll(/(?<=[\p{L}\p{N},;:] )(\p{Lu}[\p{L}'-]*)/gu)]
    .filter(({ index }) => !/[:]\s$/u.test(line.slice(0, index)))
    .map(([word]) => word.replace(/'s$/u, ''));
}

/** "Maria", "Maria Lopez, Manager", "- Maria": a short line without a full stop. */
function signature(line: string, german: boolean): string[] {
  const text = line.replace(/^[\s-]+/u, '').trim();
  const words = text.split(/\s+/u);
  if (
    text === '' ||
    words.length > LONGEST_SIGNATURE ||
    /[.!?]$/u.test(text) ||
    /^(?:dear|hello|hi|hola|bonjour|liebe\p{L}*|sehr|estimad\p{L}*|cher|chère|hallo|guten)\b/iu.test(text)
  )
    return [];
  const capitals = words.map((word) => word.replace(/[^\p{L}'-]/gu, '')).filter((word) => /^\p{Lu}/u.test(word));
  // A German line of thanks has capitals too; a name there stands alone or with one more.
  return german && words.length > 2 ? [] : capitals.filter((word) => !GERMAN_SIGN_OFF.has(word.toLowerCase()));
}

const GERMAN_SIGN_OFF = new Set([
  'mit',
  'freundlichen',
  'herzlichen',
  'besten',
  'viele',
  'herzliche',
  'beste',
  'liebe',
  'grüße',
  'grüßen',
  'gruß',
  'ihr',
  'team',
  'euer',
  'vielen',
  'dank',
  'danke',
]);
