import type { LocalTask } from '../ai/contract.ts';
import type { ReviewAnswer } from './answers.ts';
import { rounded } from './labels.ts';
import { detectLanguage } from './language.ts';
import { scoreWhole } from './local-sentiment.ts';
import { kindsIn } from './personal-data.ts';
import { sentencesOf } from './sentences.ts';
import { topicsIn, urgencyOf } from './topics.ts';

/** What the local provider does for `review-processing`: topics, urgency and personal data by word lists and patterns. Deterministic. */
const processLocally: LocalTask = async ({ review = '' }): Promise<ReviewAnswer> => {
  const language = await detectLanguage(review);
  const score = rounded(scoreWhole(language, sentencesOf(review)));
  return { topics: topicsIn(review, language), score, urgency: urgencyOf(review, score), language, personalData: kindsIn(review) };
};

export default processLocally;
