import type { Ai } from '../ai/contract.ts';
import type { Origin } from '../ai/origin.ts';
import { loadPrompt } from '../ai/prompts.ts';
import type { Blocker } from '../db/deal-types.ts';
import { blockerAnswer } from './answers.ts';
import { checkedBlocker } from './blocker-checks.ts';
import { BY_RULE, type EmailContext, inputHash, originOf } from './context.ts';
import { type Thread, threadData } from './thread.ts';

/** What holds a thread up, or did. */
export type FoundBlocker = Pick<Blocker, 'status' | 'summary' | 'items' | 'messageIds' | 'resolvedBy'>;

export interface JudgedThread extends Origin {
  /** Null: nothing in it was ever owed. */
  blocker: FoundBlocker | null;
}

const PROMPT = 'email-blocker';
/** Ten items with their words. */
const MOST_OUTPUT_TOKENS = 2_500;

export const blockerHash = ({ subject, mails }: Thread, ai: Pick<Ai, 'provider' | 'model'>): Promise<string> =>
  inputHash(PROMPT, [subject, mails], ai);

/**
 * Whether something holds the thread up after its latest mail. A model says so; what it cites, names and dates is checked against the mails
 * (`blocker-checks.ts`). A thread without a word is judged without a model. Throws what `Ai.generate` throws.
 */
export async function judgeThread(thread: Thread, { ai, force }: EmailContext): Promise<JudgedThread> {
  if (thread.mails.every(({ text }) => text.trim() === '')) return { blocker: null, ...BY_RULE };
  const request = { prompt: await loadPrompt(PROMPT), schema: blockerAnswer, data: threadData(thread), maxOutputTokens: MOST_OUTPUT_TOKENS };
  const generation = await ai.generate(request, { force });
  return { blocker: checkedBlocker(generation.value, thread), ...originOf(generation) };
}
