/** Text without what differs between spellings of the same: full-width letters, curly marks, invisible characters, dashes, unusual spaces. */
export function straight(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu, '')
    .replace(/[‘’ʼ`´′]/gu, "'")
    .replace(/[“”„«»]/gu, '"')
    .replace(/[‐‑‒–—−]/gu, '-')
    .replace(/\s+/gu, ' ')
    .trim();
}

/** Words that open sentences or join them: with a capital they name nobody. */
const COMMON = new Set(
  `a about above after again all also although among an and another any are around as at be because been before being below between both but by can could did do does down during each either
  else even every few first for from further had has have having he her here his how however if in into is it its itself just last later least less like likely many may meanwhile might more
  moreover most much must near neither new next no none nor not nothing now of off on once one only onto or other others our out over overall own part per please rather several shall she
  should since so some somebody someone something soon still such than that the their them then there therefore these they this those though three through thus to together too two under
  until up upon very via was we were what when where whether which while who whose why will with within without would yet you your today yesterday tomorrow currently recently finally
  additionally four five six seven eight nine ten`.split(/\s+/u),
);

/** What every brief speaks of: says nothing of any fact. */
const OWN = new Set(
  `document documents file files risk risks blocker blockers e-mail e-mails email emails mail mails thread threads message messages sync syncs deal brief change changes changed added removed
  resolved reopened opened open read found came come new urgent overdue severity sentiment score mean scale page pages passage summary states says said reads named called type workstream
  which reported shows show includes include contains contain regarding concerning remain remains stands still there been have with from that this were`.split(
    /\s+/u,
  ),
);

export const isCommon = (word: string): boolean => COMMON.has(word.toLowerCase());

export interface Word {
  /** As it stands, without marks around it, `'s` or a hyphen's tail. */
  text: string;
  /** The word before it belongs to the same name: nothing but a space stands between. */
  joined: boolean;
  /** It opens the text or a sentence in it. */
  opens: boolean;
}

/** In their order. Full stops, hyphens and the like inside a word belong to it: `report.pdf`, `e-mail`, `3.2`. */
export function wordsIn(text: string): Word[] {
  let [joined, opens] = [false, true];
  return text.split(' ').flatMap((piece) => {
    const [, front = '', inner = '', back = ''] = /^([^\p{L}\p{N}]*)(.*?)([^\p{L}\p{N}]*)$/u.exec(piece) ?? [];
    if (inner === '') {
      joined = false;
      return [];
    }
    const word = { text: inner.replace(/'s$/iu, ''), joined: joined && front === '', opens };
    const possessive = word.text !== inner;
    joined = (back === '' || (back === '.' && inner.length <= 3)) && !possessive;
    opens = /[.!?:]["')]*$/u.test(back) && !(back === '.' && /^\p{Lu}\p{Ll}{0,2}$/u.test(inner));
    return [word];
  });
}

/** Lower-case words with single spaces around each: what is looked up in it is found word by word. */
export function spaced(text: string): string {
  return ` ${wordsIn(text)
    .map(({ text: word }) => word.toLowerCase())
    .join(' ')} `;
}

/** Beginnings of the words that carry a meaning of their own: `terminates` and `termination` share one. */
export function stemsIn(text: string): Set<string> {
  const words = wordsIn(text).flatMap(({ text: word }) => word.toLowerCase().split(/[-/]/u));
  return new Set(
    words.filter((word) => word.length > 3 && /^\p{L}+$/u.test(word) && !COMMON.has(word) && !OWN.has(word)).map((word) => word.slice(0, 5)),
  );
}
