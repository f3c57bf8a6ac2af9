import { z } from 'zod';
import { answerSchema } from '../../ai/schema.ts';
import { cleanedText } from './clean.ts';
import type { ThemeToName } from './naming.ts';
import { clipped } from './plain.ts';

// What is sent of a theme has a bound, so that naming costs the same for a thousand answers and for a million.

const MOST_KEYWORDS = 10;
const LONGEST_KEYWORD = 40;
const MOST_REPRESENTATIVES = 8;
const LONGEST_ANSWER = { characters: 280, tokens: 100 };
const LONGEST_TITLE = { characters: 300, tokens: 120 };
const LONGEST_TAKEN = 80;

const score = z.number().min(-1).max(1);

/**
 * What is answered to the prompt `theme-naming`. Which themes there are, and whether names and quotes are good for anything, is checked one by
 * one afterwards: one bad theme is no reason to pay for all of them again.
 */
export const namingAnswer = answerSchema(
  z.object({
    themes: z.array(
      z.object({
        theme: z.int(),
        name: z.string(),
        description: z.string(),
        sentiment: z.enum(['positive', 'negative', 'neutral', 'mixed']),
        sentimentScore: score,
        quotes: z.array(z.object({ answer: z.int(), quote: z.string() })),
      }),
    ),
  }),
);
export type NamingAnswer = z.infer<typeof namingAnswer>;
export type NamedTheme = NamingAnswer['themes'][number];

/** An answer that may be quoted: the number it goes by in this request. */
export interface SentAnswer {
  number: number;
  responseId: string;
  /** As it stands in the database. */
  text: string;
}

export interface NamingRequest {
  data: Record<string, string>;
  /** Of each theme, in order; numbers run through all themes, so that a quote with an answer of another theme is noticed. */
  answers: SentAnswer[][];
}

/** The data of one call: the words of others, one line for each answer, whatever line breaks it had. */
export function namingRequest(title: string, themes: readonly ThemeToName[], namesTaken: readonly string[]): NamingRequest {
  const answers: SentAnswer[][] = [];
  const blocks = themes.map((theme, index) => {
    const sent = theme.representatives
      .slice(0, MOST_REPRESENTATIVES)
      .map(({ responseId, text }, place) => ({ number: answers.flat().length + place + 1, responseId, text }));
    answers.push(sent);
    return [`theme ${index + 1}`, blockOf(theme, sent)] as const;
  });
  const conversation = clipped(cleanedText(title), LONGEST_TITLE);
  const taken = namesTaken.map((name) => clipped(cleanedText(name), { characters: LONGEST_TAKEN })).join('\n');
  return { data: { conversation, namesTaken: taken, ...Object.fromEntries(blocks) }, answers };
}

function blockOf({ size, keywords }: ThemeToName, answers: readonly SentAnswer[]): string {
  const terms = keywords.slice(0, MOST_KEYWORDS).map(({ term }) => clipped(cleanedText(term).replaceAll(';', ' '), { characters: LONGEST_KEYWORD }));
  const lines = answers.map(({ number, text }) => `[${number}] ${clipped(cleanedText(text), LONGEST_ANSWER)}`);
  return [`answers: ${size}`, `keywords: ${terms.join('; ')}`, ...lines].join('\n');
}

/** Of the rules of `local-naming.ts`; raise it with every change of their answers. */
export const LOCAL_NAMING_VERSION = '1';

/** A theme as the local task is given it. */
export interface ThemeBlock {
  theme: number;
  keywords: string[];
  answers: { number: number; text: string }[];
}

/** Reads back what `namingRequest` wrote. */
export function themeBlocks(data: Readonly<Record<string, string>>): ThemeBlock[] {
  return Object.entries(data).flatMap(([name, block]) => {
    const theme = /^theme (\d+)$/u.exec(name)?.[1];
    if (theme === undefined) return [];
    const [, keywords = '', ...lines] = block.split('\n');
    const answers = lines.flatMap((line) => {
      const [, number, text] = /^\[(\d+)\] (.*)$/u.exec(line) ?? [];
      return number === undefined || text === undefined ? [] : [{ number: Number(number), text }];
    });
    const terms = keywords.replace(/^keywords: ?/u, '').split('; ');
    return [{ theme: Number(theme), keywords: terms.filter((term) => term !== ''), answers }];
  });
}
