import type { Fact, Topic } from './contract.ts';
import { clip, plain, quoted } from './plain.ts';

/** Whose days they are. */
export interface Reader {
  /** The brief's local date. */
  date: string;
  timeZone: string;
}

export type NewFact = Pick<Fact, 'topic' | 'text'> & Partial<Fact>;

/** Characters of a passage, an explanation or the first sentence of a summary. */
export const LONGEST_PASSAGE = 300;

export const fact = (topic: Topic, text: string, more: Omit<NewFact, 'topic' | 'text'> = {}): NewFact => ({ topic, text, ...more });

/** Who calls himself by a whole sentence is quoted as one. */
export const personOf = (name: string): string => (plain(name).split(' ').length <= 4 ? clip(plain(name), 60) : quoted(name, 60));

/** What others wrote in sentences of their own, as the end of one of ours. */
export const ended = (text: string): string => (/[.!?…]$/u.test(text) ? text : `${text}.`);
