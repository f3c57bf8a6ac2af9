/** ISO 639: "undetermined". */
export const UNKNOWN_LANGUAGE = 'und';

/** Languages that the local rules write and read; replies in any other come from a model, or in English. */
export const LOCAL_LANGUAGES = ['en', 'es', 'de', 'fr'] as const;
export type LocalLanguage = (typeof LOCAL_LANGUAGES)[number];

/** A detector of 60 languages; 0.2 s and about 100 MB with its smallest table, so it is loaded once, and only where reviews are read. */
let loading: Promise<Detect> | undefined;
type Detect = (text: string) => { language: string; reliable: boolean };

function loadDetector(): Promise<Detect> {
  loading ??= import('eld/extrasmall').then(({ eld }) => (text) => {
    const found = eld.detect(text);
    return { language: found.language || UNKNOWN_LANGUAGE, reliable: found.isReliable() };
  });
  return loading;
}

/** Enough for a detector of letter groups; the rest of a long text changes nothing. */
const LONGEST_READ = 4_000;
/** Below this many letters a guess is as likely wrong as right ("ok", "Super"). */
const FEWEST_LETTERS = 4;

/** The language of a text as an ISO 639-1 code; `und` where there are no words to tell it by. */
export async function detectLanguage(text: string): Promise<string> {
  return (await detect(text)).language;
}

/** As `detectLanguage`; `reliable` tells whether a difference to another language may be held against the text. */
export async function detect(text: string): Promise<{ language: string; reliable: boolean }> {
  const read = withoutNoise(text.slice(0, LONGEST_READ));
  const letters = read.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return { language: UNKNOWN_LANGUAGE, reliable: false };
  const certain = certainLanguage(read);
  if (certain) return { language: certain, reliable: true };
  // Scripts without spaces say more with fewer letters.
  if (letters < FEWEST_LETTERS && !/[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}]/u.test(read))
    return { language: UNKNOWN_LANGUAGE, reliable: false };
  return (await loadDetector())(read);
}

/** Addresses and handles are in no language. */
function withoutNoise(text: string): string {
  return text.replace(/https?:\/\/\S+|www\.\S+|\S+@\S+|[@#]\w+/giu, ' ');
}

/** Letters and marks that one language alone uses. */
function certainLanguage(text: string): string | undefined {
  if (/[¡¿]/u.test(text)) return 'es';
  if (/[\p{sc=Hiragana}\p{sc=Katakana}]/u.test(text)) return 'ja';
  return /\p{sc=Hangul}/u.test(text) ? 'ko' : undefined;
}

/** "pt" of "pt-BR". */
export function primaryLanguage(tag: string): string {
  return tag.toLowerCase().split('-')[0] ?? tag;
}

export function sameLanguage(one: string, other: string): boolean {
  return primaryLanguage(one) === primaryLanguage(other);
}

export function isLocalLanguage(tag: string): tag is LocalLanguage {
  return LOCAL_LANGUAGES.some((known) => known === tag);
}

/** "Spanish" for `es`; the tag itself where nobody has given it a name. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames(['en'], { type: 'language' }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
