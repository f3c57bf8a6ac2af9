import type { LocalLanguage } from '../language.ts';
import english from '../lexicons/english.json' with { type: 'json' };
import others from '../lexicons/other-languages.json' with { type: 'json' };
import { createWeigher, type WeighedWord } from './words.ts';

interface LanguageData {
  negations: string[];
  degrees: Record<string, number>;
  contrasts: string[];
  concessions: string[];
  phrases: Record<string, number>;
  /** Beginnings of words: these languages inflect what English does not. The longest that fits counts. */
  stems: Record<string, number>;
}

type Scorer = (text: string) => number;

const emoji = new Map<string, number>(Object.entries(english.emoji));
const scorers: Readonly<Record<Exclude<LocalLanguage, 'en'>, Scorer>> = {
  es: createScorer(others.es),
  de: createScorer(others.de),
  fr: createScorer(others.fr),
};
/** Emoji are the same everywhere. */
const emojiOnly = createScorer({ negations: [], degrees: {}, contrasts: [], concessions: [], phrases: {}, stems: {} });

/** -1 to 1, by small hand-made lexicons, which nobody has measured; languages without one are read by their emoji alone. */
export function scoreOther(language: string, text: string): number {
  return (Object.hasOwn(scorers, language) ? scorers[language as keyof typeof scorers] : emojiOnly)(text); // checked in the line
}

function createScorer({ negations, degrees, contrasts, concessions, phrases, stems }: LanguageData): Scorer {
  const weigh = createWeigher({
    negations: new Set(negations),
    degrees: new Map(Object.entries(degrees)),
    contrasts: new Set(contrasts),
    concessions: new Set(concessions),
    phrases: Object.keys(phrases),
  });
  const whole = new Map(Object.entries(phrases));
  const valenceOf = (word: string) => whole.get(word) ?? emoji.get(word) ?? stemValence(word, stems);
  return (text) => {
    const sum = weigh(text).reduce((total, { word, weight }: WeighedWord) => total + weight * valenceOf(word), 0);
    return sum / Math.sqrt(sum * sum + SPREAD);
  };
}

/** As VADER's 15, smaller because these lexicons know fewer words. */
const SPREAD = 8;
/** Endings that a stem may take: "excelent-es", "schlecht-esten", "décevant-es". */
const LONGEST_ENDING = 5;
const SHORT_STEM = 4;
const SHORT_ENDING = 2;

function stemValence(word: string, stems: Readonly<Record<string, number>>): number {
  for (let length = word.length; length >= Math.max(3, word.length - LONGEST_ENDING); length -= 1) {
    const stem = word.slice(0, length);
    const allowed = length <= SHORT_STEM ? SHORT_ENDING : LONGEST_ENDING;
    const valence = Object.hasOwn(stems, stem) && word.length - length <= allowed ? stems[stem] : undefined;
    if (valence !== undefined) return valence;
  }
  return 0;
}
