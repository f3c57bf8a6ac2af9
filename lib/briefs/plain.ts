import { sentencesOf } from '../reviews/sentences.ts';

// Control characters end lines and headers; marks of direction make text read otherwise than it is written.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu;

/** Text from users as one line of what can be seen. */
export function plain(text: string): string {
  return text.normalize('NFC').replace(/\s+/gu, ' ').replace(UNSEEN, '').trim();
}

/** At most so many characters, cut between words where there are some. */
export function clip(text: string, most: number): string {
  const characters = [...text];
  if (characters.length <= most) return text;
  const cut = characters.slice(0, most - 1).join('');
  const words = cut.replace(/\s+\S*$/u, '');
  return `${words.length > cut.length / 2 ? words : cut}…`;
}

/** The words of others between “ and ”, so that a reader sees where they begin and end. */
export function quoted(text: string, most = 160): string {
  return `“${clip(plain(text), most).replace(/[“”„«»"]/gu, "'")}”`;
}

export function firstSentence(text: string, most: number): string {
  return clip(plain(sentencesOf(text)[0] ?? ''), most);
}

/** `1 document`, `3 documents`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** `a, b and c`. */
export function listOf(parts: readonly string[]): string {
  if (parts.length < 2) return parts.join('');
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
