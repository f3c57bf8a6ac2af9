/** A word as the lexicons are asked for it, and how much of its own meaning it keeps in its place. */
export interface WeighedWord {
  /** Lower case, straight apostrophes; an emoji or emoticon as it is. */
  word: string;
  /** 1 = as it stands in the lexicon; negative where it is negated; larger after "very", smaller after "slightly". */
  weight: number;
}

/** The words of one language that change the meaning of others. */
export interface Modifiers {
  negations: ReadonlySet<string>;
  /** The factor for the words that follow: "very" 1.3, "slightly" 0.6. */
  degrees: ReadonlyMap<string, number>;
  /** "but": what follows outweighs what came before. */
  contrasts: ReadonlySet<string>;
  /** "although": its own clause counts for less. */
  concessions: ReadonlySet<string>;
  /** Words that are read as one: "not bad", "waste of money". */
  phrases: readonly string[];
}

/** After VADER (Hutto & Gilbert 2014): its raters let a negation turn a word round and take a quarter off, and weighed the sides of a "but" 0.5 and 1.5. */
const NEGATED = -0.74;
const BEFORE_CONTRAST = 0.5;
const AFTER_CONTRAST = 1.5;
const IN_CONCESSION = 0.6;
const SHOUTED = 1.25;
const PER_EXCLAMATION = 0.07;
const MOST_EXCLAMATIONS = 4;
/** Words that a negation reaches within its clause: "not a very good film". */
const NEGATION_REACH = 4;
/** Words that a degree reaches: "a very, very good film", "really quite good". */
const DEGREE_REACH = 2;

const TOKEN = String.raw`\p{Extended_Pictographic}|[:;=][-']?[)(DPpO/|\\*3]+|<3|[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*|[.,;:!?()]`;
const MARK = /^[.,;:!?()]$/u;

/** Reads one language: gives the words of a sentence with their weights; marks are gone. */
export function createWeigher(modifiers: Modifiers): (sentence: string) => WeighedWord[] {
  const token = tokenPattern(modifiers.phrases);
  return (sentence) => {
    const emphasis = 1 + PER_EXCLAMATION * Math.min(MOST_EXCLAMATIONS, sentence.match(/!/gu)?.length ?? 0);
    const shouts = sentence !== sentence.toUpperCase();
    const scope = openScope(modifiers);
    const words: WeighedWord[] = [];
    for (const [found] of sentence.replaceAll('’', "'").matchAll(token)) {
      if (MARK.test(found)) {
        scope.endClause();
        continue;
      }
      const word = found.toLowerCase();
      const loud = shouts && found.length > 2 && found === found.toUpperCase() && found !== word ? SHOUTED : 1;
      words.push({ word, weight: scope.factor(word) * emphasis * loud });
    }
    return weighContrast(words, modifiers.contrasts);
  };
}

/** The longest phrase first, each as a whole word; the lexicons' phrases are letters, apostrophes, hyphens and spaces. */
function tokenPattern(phrases: readonly string[]): RegExp {
  const longest = phrases.toSorted((one, other) => other.length - one.length);
  const whole = longest.length > 0 ? `(?<![\\p{L}\\p{N}])(?:${longest.join('|')})(?![\\p{L}\\p{N}])|` : '';
  return new RegExp(`${whole}${TOKEN}`, 'giu');
}

/** What the words before leave in force. */
function openScope({ negations, degrees, concessions, contrasts }: Modifiers) {
  const reach = { negation: 0, degree: 0 };
  let degree = 1;
  let concession = 1;
  const endClause = () => {
    Object.assign(reach, { negation: 0, degree: 0 });
    concession = 1;
  };
  return {
    endClause,
    /** The weight of `word` where it stands; then `word` itself may open a scope. */
    factor: (word: string): number => {
      if (contrasts.has(word)) endClause();
      const factor = (reach.negation > 0 ? NEGATED : 1) * (reach.degree > 0 ? degree : 1) * concession;
      reach.negation -= 1;
      reach.degree -= 1;
      if (isNegation(word, negations)) reach.negation = NEGATION_REACH;
      const ownDegree = degrees.get(word);
      if (ownDegree !== undefined) {
        degree = ownDegree;
        reach.degree = DEGREE_REACH;
      }
      if (concessions.has(word)) concession = IN_CONCESSION;
      return factor;
    },
  };
}

function isNegation(word: string, negations: ReadonlySet<string>): boolean {
  return negations.has(word) || word.endsWith("n't");
}

function weighContrast(words: WeighedWord[], contrasts: ReadonlySet<string>): WeighedWord[] {
  const at = words.findLastIndex(({ word }) => contrasts.has(word));
  // A sentence that begins with "But" contrasts with the one before.
  if (at <= 0) return words;
  return words.map(({ word, weight }, index) => ({ word, weight: weight * (index < at ? BEFORE_CONTRAST : AFTER_CONTRAST) }));
}
