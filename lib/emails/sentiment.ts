import type { Ai } from '../ai/contract.ts';
import type { Origin } from '../ai/origin.ts';
import { loadPrompt } from '../ai/prompts.ts';
import type { MailSentiment, Urgency } from '../jobs/email-processing.ts';
import { rounded } from '../reviews/labels.ts';
import { sentimentAnswer } from './answers.ts';
import { BY_RULE, type EmailContext, inputHash, originOf } from './context.ts';

/** A mail's own words, and what it is about. */
export interface EmailToRate {
  subject: string;
  text: string;
}

export interface RatedEmail extends Origin {
  label: MailSentiment;
  /** -1 (hostile) to 1 (delighted). */
  score: number;
  urgency: Urgency;
}

/** Characters that are sent: about 5,000 tokens. What a mail feels like is said by then. */
const LONGEST_SENT = 20_000;
const PROMPT = 'email-sentiment';

export const sentimentHash = (email: EmailToRate, ai: Pick<Ai, 'provider' | 'model'>): Promise<string> =>
  inputHash(PROMPT, [email.subject, email.text], ai);

/** How a mail's own words sound, and how long they can wait. An empty mail is rated without a model. Throws what `Ai.generate` throws. */
export async function rateEmail({ subject, text }: EmailToRate, { ai, force }: EmailContext): Promise<RatedEmail> {
  if (text.trim() === '') return { label: 'neutral', score: 0, urgency: 'low', ...BY_RULE };
  const data = { subject, text: text.slice(0, LONGEST_SENT).toWellFormed() };
  const generation = await ai.generate({ prompt: await loadPrompt(PROMPT), schema: sentimentAnswer, data, maxOutputTokens: 300 }, { force });
  const { mixed, urgency } = generation.value;
  const score = rounded(generation.value.score);
  return { label: labelOf(score, mixed), score, urgency, ...originOf(generation) };
}

/** Less is no opinion. */
const PLAIN = 0.1;
/** With both sides in a mail, one that outweighs the other this far is its verdict. */
const DECIDED = 0.5;

function labelOf(score: number, mixed: boolean): MailSentiment {
  if (mixed && Math.abs(score) < DECIDED) return 'mixed';
  return score <= -PLAIN ? 'negative' : score >= PLAIN ? 'positive' : 'neutral';
}
