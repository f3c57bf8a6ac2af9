import { z } from 'zod';

/** The parts of a brief, in their order. */
export const TOPICS = ['risks', 'blockers', 'documents', 'emails', 'syncs'] as const;
export type Topic = (typeof TOPICS)[number];

export const HEADINGS: Readonly<Record<Topic, string>> = {
  risks: 'Risks',
  blockers: 'Blockers',
  documents: 'Documents',
  emails: 'E-mails',
  syncs: 'Syncs',
};

/** Something that the database says, in our words; names and passages from users stand in it between “ and ”. */
export interface Fact {
  /** `f1`, `f2` … within one brief. */
  id: string;
  topic: Topic;
  /** Has to be told, whatever the model leaves out. */
  must: boolean;
  /** False for what has stood since before. */
  news: boolean;
  text: string;
  /** The same for machines. */
  values: Readonly<Record<string, unknown>>;
}

export interface BriefSentence {
  text: string;
  /** Ids of the facts that it rests on. */
  facts: string[];
}

/** A brief as JSON: `daily_briefs.content`. Times are ISO 8601, dates local ones. */
export interface BriefContent {
  version: 1;
  dealId: string;
  deal: string;
  report: string;
  title: string;
  date: string;
  timeZone: string;
  edition: number;
  trigger: 'schedule' | 'manual';
  dueAt: string | null;
  late: boolean;
  madeAt: string;
  coversFrom: string;
  coversTo: string;
  /** Nothing had changed; no model was asked. */
  empty: boolean;
  headline: BriefSentence;
  sections: { topic: Topic; heading: string; sentences: BriefSentence[] }[];
  /** What a reader should know of the brief itself. */
  notes: string[];
  facts: Fact[];
  /** Sentences of the model's that said what no fact says. */
  dropped: number;
  provider: string;
  model: string;
  promptVersion: string;
}

const sentence = z.object({ text: z.string(), facts: z.array(z.string()) });

/** What a model answers to the prompt `daily-brief`. */
export const briefAnswer = z.object({ headline: sentence, sections: z.array(z.object({ topic: z.enum(TOPICS), sentences: z.array(sentence) })) });
export type BriefAnswer = z.infer<typeof briefAnswer>;
