import { insightStep } from '../insight/step.ts';
import { SUMMARY_PROMPTS, SUMMARY_VERSION, summarizeDocument } from './summarize.ts';

/** The processor of `summarize`. */
export const summarizeStep = insightStep({ operation: 'summarize', prompts: SUMMARY_PROMPTS, version: SUMMARY_VERSION, run: summarizeDocument });
