import { z } from 'zod';
import { sentencesOf } from '../../reviews/sentences.ts';

/** Models send blanks where they have nothing to say, and NUL where they have lost the thread; Postgres stores no NUL. */
export const words = z
  .string()
  .refine((text) => text.trim() !== '' && !text.includes('\0') && text.isWellFormed(), 'must be plain text and not empty');

const LINK = String.raw`(?:https?:\/\/|ftp:\/\/|www\.|mailto:|javascript:|data:[a-z]+\/)[^\s<>()\[\]]*`;
/** What a document could make a model write to reach a reader: links, pictures, markup, invisible and reordering characters. */
const REMOVED: readonly (readonly [RegExp, string])[] = [
  // Invisible characters, those that turn the direction of text, tag characters, controls.
  [/[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu, ''],
  [/\p{Cc}+/gu, ' '],
  [/<!--.*?-->|<\/?[a-z!?][^<>]*>/giu, ' '],
  [new RegExp(LINK, 'giu'), '(link)'],
  [/[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu, '(address)'],
  // A picture or link in Markdown keeps its words.
  [/!?\[([^[\]]*)\]\((?:[^()]|\([^()]*\))*\)/gu, '$1'],
  [/\](?=[([:])/gu, '] '],
  [/[`*]+|~~|__/gu, ''],
  [/^\s*(?:#{1,6}|>|[-+•])\s+/u, ''],
  [/[<>]/gu, ''],
  [/\s+/gu, ' '],
];

/** A model's words as a reader may see them: one paragraph of plain text, of at most `longest` characters, cut at the end of a sentence or word. */
export function plainText(text: string, longest: number): string {
  const plain = REMOVED.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text.normalize('NFC')).trim();
  return plain.length <= longest ? plain : clipped(plain, longest);
}

function clipped(text: string, longest: number): string {
  const head = text.slice(0, longest - 1);
  const sentence = /^[\s\S]*[.!?]["'”’)]?(?=\s)/u.exec(head)?.[0] ?? '';
  if (sentence.length > longest / 2) return sentence;
  return `${head.replace(/\s+\S*$/u, '').toWellFormed()}…`;
}

/** The first `most` sentences. */
export function firstSentences(text: string, most: number): string {
  return sentencesOf(text).slice(0, most).join(' ');
}
