import type { Ai, Generation } from '../ai/contract.ts';
import { type Origin, originOf as originWith } from '../ai/origin.ts';
import { loadPrompt } from '../ai/prompts.ts';
import { sha256 } from './hash.ts';
import { EMAIL_RULES_VERSION } from './version.ts';

/** What reading a mail uses of a job's context. */
export interface EmailContext {
  ai: Ai;
  /** Pay again although the answer is known. */
  force: boolean;
}

const RULES = `rules ${EMAIL_RULES_VERSION}`;

export const originOf = (generation: Generation<unknown>): Origin => originWith(generation, RULES);

/** Of what needs no model: an empty mail. */
export const BY_RULE: Origin = { provider: 'local', model: 'local', promptVersion: RULES };

/** Hash of all that decides what is answered to a prompt about `input`. How a mail is cleaned counts for every provider, and is seen in `input`. */
export async function inputHash(promptId: string, input: unknown, { provider, model }: Pick<Ai, 'provider' | 'model'>): Promise<string> {
  const { id, version } = await loadPrompt(promptId);
  return sha256(JSON.stringify([id, version, EMAIL_RULES_VERSION, provider, model, input]));
}
