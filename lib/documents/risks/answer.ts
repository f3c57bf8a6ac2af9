import { z } from 'zod';
import { answerSchema } from '../../ai/schema.ts';
import { words } from '../insight/plain-text.ts';
import { RISK_CATEGORIES, SEVERITIES } from './categories.ts';

const risk = z.object({ category: z.enum(RISK_CATEGORIES), severity: z.enum(SEVERITIES), explanation: words, quote: words });

/** What is answered to `document-risks`. */
export const risksAnswer = answerSchema(z.object({ risks: z.array(risk) }));
export type RisksAnswer = z.infer<typeof risksAnswer>;
export type SaidRisk = z.infer<typeof risk>;
