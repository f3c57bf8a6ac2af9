import { insightStep } from '../insight/step.ts';
import { CLASS_PROMPTS, CLASS_VERSION, classifyDocument } from './classify.ts';

/** The processor of `classify`. */
export const classifyStep = insightStep({ operation: 'classify', prompts: CLASS_PROMPTS, version: CLASS_VERSION, run: classifyDocument });
