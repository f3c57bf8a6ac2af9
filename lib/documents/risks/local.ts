import type { LocalTask } from '../../ai/contract.ts';
import type { RisksAnswer } from './answer.ts';
import { findByRules } from './rules.ts';

/** What the local provider does for `document-risks`: sentences that the rules of the lexicon know, quoted whole. English only. Deterministic. */
const findRisksLocally: LocalTask = async ({ text = '' }): Promise<RisksAnswer> => ({ risks: await findByRules(text) });

export default findRisksLocally;
