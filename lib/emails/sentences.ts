import { sentencesOf } from '../reviews/sentences.ts';

const BULLET = /^\s{0,12}(?:[-*•–·]|\d{1,2}[.)]|\([a-z\d]\))\s+/u;
/** Mail programs break lines near 72 characters; a shorter line was ended by its writer. */
const WRAPPED_FROM = 50;

/** A sentence of a mail, or an entry of a list. */
export interface MailSentence {
  text: string;
  isEntry: boolean;
}

/** In order; lines that a mail program has broken are put together, greetings stand alone. */
export function mailSentences(text: string): MailSentence[] {
  return linesOf(text).flatMap((line) => {
    const isEntry = BULLET.test(line);
    return sentencesOf(line.replace(BULLET, '')).map((sentence) => ({ text: sentence, isEntry }));
  });
}

function linesOf(text: string): string[] {
  const lines: string[] = [];
  let before = '';
  for (const line of text.split('\n')) {
    const goesOn = before.trim().length >= WRAPPED_FROM && !/[.!?:;]\s*$/u.test(before) && line.trim() !== '' && !BULLET.test(line);
    if (goesOn) lines[lines.length - 1] = `${lines.at(-1) ?? ''} ${line.trim()}`;
    else lines.push(line);
    before = line;
  }
  return lines.filter((line) => line.trim() !== '');
}
