import { z } from 'zod';
import { answerSchema } from '../../ai/schema.ts';
import { words } from '../insight/plain-text.ts';

const page = z.int().nullable();

/** What is answered to `document-summary` and to `document-digest`. */
export const summaryAnswer = answerSchema(z.object({ summary: words, keyPoints: z.array(z.object({ point: words, page })) }));
export type SummaryAnswer = z.infer<typeof summaryAnswer>;

/** To `document-notes`. */
export const notesAnswer = answerSchema(z.object({ notes: z.array(z.object({ note: words, page })) }));
export type NotesAnswer = z.infer<typeof notesAnswer>;
