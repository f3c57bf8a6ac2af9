import { z } from 'zod';
import { replyResult } from '../../lib/jobs/review-ai.ts';
import type { DemoKind, EndedJob, Section } from '../kind.ts';
import { shorten } from '../text.ts';
import { askForReviewJob, readResults, readSamples, whoDidIt } from './review-job.ts';

const sample = z.object({ title: z.string(), text: z.string(), reply: z.record(z.string(), z.unknown()).optional() });

/** Of the two columns before the reply, and the lines between all three. */
const OTHER_COLUMNS = 44;
/** The one that is worth reading in full. */
const SHOWN = 'Refund demanded';

/** `ai_generation`: replies to reviews, in the review's language and the tone that was asked for. */
export const replies: DemoKind = {
  name: 'replies',
  label: 'Replies to reviews',
  async prepare() {
    const reviews = await readSamples('reviews.json', sample);
    return reviews.flatMap(({ title, text, reply }) =>
      reply ? [(tools) => askForReviewJob(tools, title, 'ai_generation', { review_text: text, ...reply })] : [],
    );
  },
  report: async (tools, completed, width) => report(await readResults(tools, completed, replyResult), width),
};

function report(found: readonly (Pick<EndedJob, 'title'> & { result: z.infer<typeof replyResult> })[], width: number): Section {
  const shown = found.find(({ title }) => title === SHOWN);
  const rules = shown?.result.checks.map(({ rule }) => rule.replaceAll('_', ' ')) ?? [];
  return {
    caption:
      'Replies to reviews (ai_generation). Each is checked by rules after it was written: it promises no money, invents nothing and keeps to its length.',
    head: ['Review', 'Language', 'Reply'],
    rows: found.map(({ title, result }) => [
      title,
      result.replyLanguage,
      shorten(result.reply.replace(/\s+/g, ' '), Math.max(20, width - OTHER_COLUMNS)),
    ]),
    notes: [
      ...whoDidIt(
        found.map(({ result }) => result),
        'which puts replies together from templates. With OPENAI_API_KEY (or ANTHROPIC_API_KEY) set, a model writes them, under the same rules.',
      ),
      ...(shown ? [`The reply to “${shown.title}”, checked for: ${rules.join(', ')}.`, `  ${shown.result.reply.replace(/\s+/g, ' ')}`] : []),
    ],
    data: { replies: found },
  };
}
