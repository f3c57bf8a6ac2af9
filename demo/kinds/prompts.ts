import { z } from 'zod';
import { promptResult } from '../../lib/jobs/review-ai.ts';
import type { DemoKind } from '../kind.ts';
import { shorten } from '../text.ts';
import { askForReviewJob, readResults, readSamples } from './review-job.ts';

const sample = z.object({ title: z.string(), prompt: z.string(), goal: z.string().optional() });

/** Of all columns but the advice. */
const OTHER_COLUMNS = 46;

/** `prompt_analysis`: how good a prompt is, and how it could be better. */
export const prompts: DemoKind = {
  name: 'prompts',
  label: 'Prompts',
  async prepare() {
    const found = await readSamples('prompts.json', sample);
    return found.map(
      ({ title, ...payload }) =>
        (tools) =>
          askForReviewJob(tools, title, 'prompt_analysis', payload),
    );
  },
  async report(tools, completed, width) {
    const found = await readResults(tools, completed, promptResult);
    return {
      caption: 'Prompts (prompt_analysis). Scored from 0 to 10 on named criteria; each answer has an improved version too.',
      head: ['Prompt', 'Score', 'First thing to improve'],
      rows: found.map(({ title, result: { overall, suggestions } }) => [
        title,
        overall.toFixed(1),
        shorten(suggestions[0] ?? 'nothing', Math.max(20, width - OTHER_COLUMNS)),
      ]),
      notes: [],
      data: { prompts: found },
    };
  },
};
