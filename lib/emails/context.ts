import type { Ai, Generation } from '../ai/contract.ts';
import { loadPrompt } from '../ai/prompts.ts';
import { sha256 } from './hash.ts';
import { EMAIL_RULES_VERSION } from './version.ts';

/** What reading a mail uses of a job's context. */
export interface EmailContext {
  ai: Ai;
  /** Pay again although the answer is known. */
  force: boolean;
}

/** Who answered, as results carry it; the local rules' version is part of their prompt's. */
export interface Origin {
  provider: string;
  model: string;
  promptVersion: string;
}

export function originOf({ provider, model, promptVersion }: Pick<Generation<unknown>, 'provider' | 'model' | 'promptVersion'>): Origin {
  return { provider, model, promptVersion: provider === 'local' ? `${promptVersion} (rules ${EMAIL_RULES_VERSION})` : promptVersion };
}

/** Of what needs no model: an empty mail. */
export const BY_RULE: Origin = { provider: 'local', model: 'local', promptVersion: `rules ${EMAIL_RULES_VERSION}` };

/** Hash of all that decides what is answered to a prompt about `input`. How a mail is cleaned counts for every provider, and is seen in `input`. */
export async function inputHash(promptId: string, input: unknown, { provider, model }: Pick<Ai, 'provider' | 'model'>): Promise<string> {
  const { id, version } = await loadPrompt(promptId);
  return sha256(JSON.stringify([id, version, EMAIL_RULES_VERSION, provider, model, input]));
}
