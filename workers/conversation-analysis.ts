import { type Analysed, analyseConversation } from '../lib/analysis/analyse.ts';
import type { AnalysisParams, AnalysisResult } from '../lib/jobs/conversation-analysis.ts';
import type { JobContext, Processors } from '../lib/queue/processor.ts';
import { rowJob } from '../lib/relay/row-job.ts';
import type { WorkerDeps } from './index.ts';

type Payload = AnalysisParams & { conversationId: string };

/** What goes with a result, from the run to its record step: the job itself answers the result alone. */
const wholes = new WeakMap<AnalysisResult, Analysed>();

const row = rowJob('conversation_analysis_jobs', async ({ conversationId, ...params }: Payload, context: JobContext<WorkerDeps>) => {
  const analysed = await analyseConversation(conversationId, params, context);
  wholes.set(analysed.result, analysed);
  return analysed.result;
});

/** Themes, places and the end of the job's row are one statement: readers never see half an analysis. */
async function record(payload: Payload, result: AnalysisResult, context: JobContext<WorkerDeps>): Promise<boolean> {
  const whole = wholes.get(result);
  if (!whole) throw new Error('A result that no run has made');
  const { job, runId, deps } = context;
  const saved = await deps.db.conversations.saveAnalysis({ jobId: job.id, runId, conversationId: payload.conversationId, ...whole });
  // Not ours any more: what all rows have in common says why.
  return saved || row.record(payload, result, context);
}

export default { analyze: { ...row, record } } satisfies Processors<'conversation-analysis', WorkerDeps>;
