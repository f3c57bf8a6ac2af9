import { z } from 'zod';
import { answerSchema } from '../../ai/schema.ts';
import { WORKSTREAMS } from '../../jobs/document-processing.ts';
import { DOCUMENT_TYPES } from './types.ts';

/** What is answered to `document-class`. */
export const classAnswer = answerSchema(
  z.object({ workstream: z.enum(WORKSTREAMS), documentType: z.enum(DOCUMENT_TYPES), confidence: z.number().min(0).max(1) }),
);
export type ClassAnswer = z.infer<typeof classAnswer>;
