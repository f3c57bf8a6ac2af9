import { cleanedText, foldedWords } from './clean.ts';
import type { ThemeToName } from './naming.ts';
import { clipped, plainLine } from './plain.ts';

const LONGEST_NAME = 60;
const LONGEST_QUALIFIER = 40;
const WORDS_OF_ANSWER = 6;

/** A name without what models put around it: marks, headings, a full stop. '' where nothing is left. */
export function plainName(name: string): string {
  const line = plainLine(name, LONGEST_NAME + 20)
    .replace(/^(?:[\s"'“”„«»‘’*_`]|#+\s)+/u, '')
    .replace(/(?:[\s"'“”«»‘’*_`.,;:])+$/u, '');
  return foldedWords(line) === '' ? '' : clipped(line, { characters: LONGEST_NAME });
}

/** Names that are given away; two that differ in case, marks or white space are the same. */
export function createNames(taken: readonly string[]) {
  const folded = new Set(taken.map(foldedWords));
  const all = [...taken];
  const isFree = (name: string): boolean => !folded.has(foldedWords(name));
  return {
    /** All names given away, in order. */
    all: (): readonly string[] => all,
    /** Gives `name` away; where it is taken already, with what sets the theme apart: "Parking (downtown)". Never with a number. */
    give: (name: string, theme: ThemeToName): string => {
      const unique = isFree(name) ? name : qualified(name, theme, isFree);
      folded.add(foldedWords(unique));
      all.push(unique);
      return unique;
    },
  };
}
export type Names = ReturnType<typeof createNames>;

function qualified(name: string, theme: ThemeToName, isFree: (name: string) => boolean): string {
  const said = foldedWords(name);
  for (const qualifier of qualifiers(theme)) {
    const candidate = `${name} (${qualifier})`;
    if (/\p{L}/u.test(qualifier) && !said.includes(foldedWords(qualifier)) && isFree(candidate)) return candidate;
  }
  const last = `${name}, other`;
  return isFree(last) ? last : qualified(last, theme, isFree);
}

/** Keywords, pairs of them, then the beginnings of answers, which no other theme has. */
function* qualifiers({ keywords, representatives }: ThemeToName): Generator<string> {
  const terms = keywords.map(({ term }) => plainLine(term, LONGEST_QUALIFIER)).filter((term) => term !== '');
  yield* terms;
  for (const [index, term] of terms.entries()) for (const other of terms.slice(index + 1)) yield `${term}, ${other}`;
  for (const { text } of representatives) {
    const words = cleanedText(text).split(' ').slice(0, WORDS_OF_ANSWER);
    for (let count = 1; count <= words.length; count += 1) yield plainLine(words.slice(0, count).join(' '), LONGEST_QUALIFIER);
  }
}
