import { insightStep } from '../insight/step.ts';
import { extractRisks, RISKS_PROMPTS, RISKS_VERSION } from './extract.ts';

/** The processor of `extract_risks`. */
export const risksStep = insightStep({ operation: 'extract_risks', prompts: RISKS_PROMPTS, version: RISKS_VERSION, run: extractRisks });
