import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { DemoTools, EndedJob, JobRef } from '../kind.ts';

/** One of the sample files, checked. */
export async function readSamples<T>(file: string, sample: z.ZodType<T>): Promise<T[]> {
  const text = await readFile(new URL(`../../examples/data/reviews/${file}`, import.meta.url), 'utf8');
  return z.array(sample).parse(JSON.parse(text));
}

const created = z.object({ job: z.object({ id: z.string() }) });

/** Asks for a review job over HTTP, as the customer. */
export async function askForReviewJob({ customer }: DemoTools, title: string, type: string, payload: Record<string, unknown>): Promise<JobRef> {
  const { job } = await customer.api.post('/api/jobs', { type, payload }, created);
  return { queue: 'review-ai', jobId: job.id, title };
}

/** What the jobs found, as it is stored in their rows, in the order they were asked for. */
export async function readResults<R>(
  { customer }: DemoTools,
  completed: readonly EndedJob[],
  result: z.ZodType<R>,
): Promise<{ jobId: string; title: string; result: R }[]> {
  const answer = z.object({ job: z.object({ result }) });
  return Promise.all(
    completed.map(async ({ jobId, title }) => ({ jobId, title, result: (await customer.api.get(`/api/jobs/${jobId}`, answer)).job.result })),
  );
}

/** `local` is what the demo does without a key: `byRules` says how, and what a model would add. */
export function whoDidIt(results: readonly { provider: string; model: string }[], byRules: string): string[] {
  const models = [...new Set(results.map(({ provider, model }) => (provider === 'local' ? 'local' : `${provider}, model ${model}`)))];
  if (models.length === 0) return [];
  return [models.every((model) => model === 'local') ? `Who did it: the local provider, ${byRules}` : `Who did it: ${models.join('; ')}.`];
}
