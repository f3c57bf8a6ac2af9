import type { Processors } from '../lib/queue/processor.ts';
import { rowJob } from '../lib/relay/row-job.ts';
import { processReview } from '../lib/reviews/processing.ts';
import { analysePrompt } from '../lib/reviews/prompt-analysis.ts';
import { generateReply } from '../lib/reviews/reply.ts';
import { analyseSentiment } from '../lib/reviews/sentiment.ts';
import type { WorkerDeps } from './index.ts';

export default {
  ai_generation: rowJob('jobs', generateReply),
  review_processing: rowJob('jobs', processReview),
  prompt_analysis: rowJob('jobs', analysePrompt),
  sentiment_analysis: rowJob('jobs', analyseSentiment),
} satisfies Processors<'review-ai', WorkerDeps>;
