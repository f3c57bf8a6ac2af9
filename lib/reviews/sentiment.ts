import { loadPrompt } from '../ai/prompts.ts';
import type { SentimentPayload, SentimentResult } from '../jobs/review-ai.ts';
import { sentimentAnswer } from './answers.ts';
import { originOf, type ReviewContext, stepper } from './context.ts';
import { labelOf, rounded } from './labels.ts';
import { detectLanguage } from './language.ts';
import { localSentimentNotes } from './local-sentiment.ts';
import { numbered, sentencesOf } from './sentences.ts';

const STEPS = ['reading', 'rating'] as const;
/** An entry is about 15 tokens. */
const TOKENS_PER_SENTENCE = 30;

/** Rates a text as a whole and sentence by sentence; labels follow from the scores, so that they never contradict them. */
export async function analyseSentiment(payload: SentimentPayload, context: ReviewContext): Promise<SentimentResult> {
  const step = stepper(context, STEPS);
  step('reading');
  const text = 'text' in payload ? payload.text : payload.review_text;
  const sentences = sentencesOf(text);
  const language = await detectLanguage(text);
  step('rating');
  const request = {
    prompt: await loadPrompt('review-sentiment'),
    schema: sentimentAnswer(sentences.length),
    data: { sentences: numbered(sentences) },
    maxOutputTokens: 300 + TOKENS_PER_SENTENCE * sentences.length,
  };
  const generation = await context.ai.generate(request, { force: context.meta.force === true });
  const scores = generation.value.sentences.map(({ score }) => rounded(score));
  const score = rounded(generation.value.score);
  step('done');
  return {
    label: labelOf(score, scores),
    score,
    sentences: sentences.map((sentence, index) => ({ text: sentence, label: labelOf(scores[index] ?? 0), score: scores[index] ?? 0 })),
    language,
    notes: generation.provider === 'local' ? localSentimentNotes(language) : [],
    ...originOf(generation),
  };
}
