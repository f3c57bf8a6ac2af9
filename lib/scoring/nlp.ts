import type { ItemSentence, ItsFunction, WinkMethods } from 'wink-nlp';

/** A word, number or mark, with its place in the text it was read from. */
export interface Token {
  /** As found in the text. */
  value: string;
  /** Lower case, straight apostrophes: what lexicons are compared with. */
  normal: string;
  start: number;
  end: number;
  /** In the scope of a "not", "never", "without", … */
  negated: boolean;
  /** Universal part-of-speech tag, for example `VERB` or `PROPN`. */
  pos: string;
  /** Says nothing by itself: "the", "of", … */
  stopWord: boolean;
}

export interface Sentence {
  /** Exactly `source.slice(start, end)`. */
  text: string;
  start: number;
  end: number;
  tokens: Token[];
  /** After a blank line, or at the very beginning. */
  startsParagraph: boolean;
}

let loading: Promise<WinkMethods> | undefined;

/** wink-nlp with its small English model: about 0.2 s and 60 MB, so it is loaded once, and only where text is read. */
function loadNlp(): Promise<WinkMethods> {
  loading ??= Promise.all([import('wink-nlp'), import('wink-eng-lite-web-model')]).then(([wink, model]) =>
    wink.default(model.default, ['sbd', 'negation', 'pos']),
  );
  return loading;
}

/** Sentences and tokens of an English text, each with its exact place. Texts in other languages come back split, with meaningless tags. */
export async function readSentences(text: string): Promise<Sentence[]> {
  if (text.trim() === '') return [];
  const nlp = await loadNlp();
  const document = nlp.readDoc(breakLongRuns(text));
  const { its } = nlp;
  const all = document.tokens();
  const read = <T>(mapper: ItsFunction<T>) => all.out(mapper) as T[]; // `out` is typed for the case without a mapper too
  const tokens = place(text, read(its.value), read(its.negationFlag), read(its.pos), read(its.stopWordFlag));
  const sentences: Sentence[] = [];
  document.sentences().each((sentence: ItemSentence) => {
    const own = tokens.splice(0, sentence.tokens().length()).filter((token) => token !== undefined);
    for (const group of splitAtParagraphs(text, own)) addSentence(sentences, text, group);
  });
  return sentences;
}

/** wink-nlp's tokenizer is slow on a single run of thousands of characters; no word is that long. */
const LONGEST_RUN = 60;
const longRuns = new RegExp(`\\S{${LONGEST_RUN},}`, 'gu');

function breakLongRuns(text: string): string {
  // Same length, so that places stay true.
  return text.replace(longRuns, (run) => ' '.repeat(run.length));
}

function place(text: string, values: string[], negated: boolean[], pos: string[], stopWords: boolean[]): (Token | undefined)[] {
  let cursor = 0;
  return values.map((value, index) => {
    const start = text.indexOf(value, cursor);
    if (start < 0 || value.trim() === '') return undefined;
    cursor = start + value.length;
    const normal = value.toLowerCase().replaceAll('’', "'");
    return { value, normal, start, end: cursor, negated: negated[index] ?? false, pos: pos[index] ?? 'X', stopWord: stopWords[index] ?? false };
  });
}

/** A blank line ends a sentence even where no full stop does: headings, captions, lists. */
function splitAtParagraphs(text: string, tokens: readonly Token[]): TokenGroup[] {
  const groups: TokenGroup[] = [];
  for (const token of tokens) {
    const last = groups.at(-1);
    if (last && !hasBlankLine(text, last.end, token.start)) {
      last.tokens.push(token);
      last.end = token.end;
    } else {
      groups.push({ tokens: [token], start: token.start, end: token.end });
    }
  }
  return groups;
}

interface TokenGroup {
  tokens: Token[];
  start: number;
  end: number;
}

/** What goes on without a space was no end of a sentence: "PM2.5". */
function addSentence(sentences: Sentence[], text: string, { tokens, start, end }: TokenGroup): void {
  const previous = sentences.at(-1);
  if (previous?.end === start) {
    sentences[sentences.length - 1] = { ...previous, text: text.slice(previous.start, end), end, tokens: [...previous.tokens, ...tokens] };
    return;
  }
  const startsParagraph = previous === undefined || hasBlankLine(text, previous.end, start);
  sentences.push({ text: text.slice(start, end), start, end, tokens, startsParagraph });
}

function hasBlankLine(text: string, from: number, to: number): boolean {
  return to - from > 1 && /\n\s*\n/u.test(text.slice(from, to));
}

/** Letters or digits, not a mark. */
export function isWord(token: Token): boolean {
  return /[\p{L}\p{N}]/u.test(token.value);
}
