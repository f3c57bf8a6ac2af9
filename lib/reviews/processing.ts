import { loadPrompt } from '../ai/prompts.ts';
import type { ReviewResult } from '../jobs/review-ai.ts';
import { quoteFinder } from '../scoring/quotes.ts';
import { type ReviewAnswer, reviewAnswer } from './answers.ts';
import { originOf, type ReviewContext, stepper } from './context.ts';
import { labelOf, rounded } from './labels.ts';
import { detectLanguage } from './language.ts';
import { localSentimentNotes } from './local-sentiment.ts';
import { kindsIn, PERSONAL_DATA_KINDS } from './personal-data.ts';
import { tagOr } from './reply.ts';

const STEPS = ['reading', 'analysing', 'checking quotes'] as const;
const MOST_TOPICS = 8;

/** Reads a review for its business: topics with quotes that stand in it, sentiment, urgency, language, and whether it gives personal data away. */
export async function processReview({ review_text }: { review_text: string }, context: ReviewContext): Promise<ReviewResult> {
  const step = stepper(context, STEPS);
  step('reading');
  const detected = await detectLanguage(review_text);
  step('analysing');
  const request = { prompt: await loadPrompt('review-processing'), schema: reviewAnswer, data: { review: review_text } };
  const generation = await context.ai.generate(request, { force: context.meta.force === true });
  step('checking quotes');
  const topics = verifiedTopics(review_text, generation.value, context);
  const { urgency, language, personalData } = generation.value;
  const score = rounded(generation.value.score);
  step('done');
  return {
    topics,
    sentiment: {
      label: labelOf(
        score,
        topics.map((topic) => topic.score),
      ),
      score,
    },
    urgency,
    language: tagOr(language, detected),
    personalData: personalDataOf(review_text, personalData),
    notes: generation.provider === 'local' ? localSentimentNotes(detected) : [],
    ...originOf(generation),
  };
}

/** Each topic once, and only with words that the review really has. */
function verifiedTopics(review: string, { topics }: ReviewAnswer, { log }: ReviewContext): ReviewResult['topics'] {
  const find = quoteFinder(review);
  const verified = topics.flatMap(({ topic, score, quote }) => {
    const found = find(quote);
    return found === undefined ? [] : [{ topic: topic.trim().toLowerCase(), label: labelOf(score), score: rounded(score), quote: found }];
  });
  const dropped = topics.length - verified.length;
  if (dropped > 0) log.info({ event: 'review.topics_dropped', dropped, kept: verified.length }, 'topics without a true quote were dropped');
  return [...new Map(verified.toReversed().map((topic) => [topic.topic, topic])).values()].reverse().slice(0, MOST_TOPICS);
}

/** Patterns see every e-mail address and number; a model sees names and addresses too. */
function personalDataOf(review: string, named: ReviewAnswer['personalData']): ReviewResult['personalData'] {
  const found = new Set([...named, ...kindsIn(review)]);
  return { present: found.size > 0, kinds: PERSONAL_DATA_KINDS.filter((kind) => found.has(kind)) };
}
