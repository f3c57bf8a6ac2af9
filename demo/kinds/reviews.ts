import { z } from 'zod';
import { reviewResult, type SentimentLabel } from '../../lib/jobs/review-ai.ts';
import type { DemoKind } from '../kind.ts';
import { shorten } from '../text.ts';
import { askForReviewJob, readResults, readSamples } from './review-job.ts';

const sample = z.object({ title: z.string(), text: z.string() });

/** Of all columns but the topics. */
const OTHER_COLUMNS = 73;

const SIGNS: Readonly<Record<SentimentLabel, string>> = { positive: '+', negative: '−', mixed: '±', neutral: '' };

/** `review_processing`: what a review is about, how urgent it is, and whether it holds personal data. */
export const reviews: DemoKind = {
  name: 'reviews',
  label: 'Reading reviews',
  async prepare() {
    const found = await readSamples('reviews.json', sample);
    return found.map(
      ({ title, text }) =>
        (tools) =>
          askForReviewJob(tools, title, 'review_processing', { review_text: text }),
    );
  },
  async report(tools, completed, width) {
    const found = await readResults(tools, completed, reviewResult);
    return {
      caption:
        'Reading reviews (review_processing). Each topic with its sentiment (+ − ±); urgent ones first to answer; personal data is named by kind, never copied.',
      head: ['Review', 'Sentiment', 'Topics', 'Urgency', 'Personal data'],
      rows: found.map(({ title, result: { sentiment, topics, urgency, personalData } }) => [
        title,
        `${sentiment.label} ${sentiment.score.toFixed(1)}`,
        shorten(topics.map(({ topic, label }) => `${topic}${SIGNS[label]}`).join(' '), Math.max(14, width - OTHER_COLUMNS)),
        urgency.level,
        personalData.kinds.join(' '),
      ]),
      notes: [],
      data: { reviews: found },
    };
  },
};
