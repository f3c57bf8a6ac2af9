import { randomUUID } from 'node:crypto';
import type { AnalysisToSave, Answer, NewTheme, PlacedAnswer } from '../../lib/db/conversation-types.ts';
import type { Db } from '../../lib/db/types.ts';

export const newTheme = (position: number, changes: Partial<NewTheme> = {}): NewTheme => ({
  id: randomUUID(),
  name: `Theme ${position}`,
  description: `What theme ${position} is about`,
  keywords: [{ term: `word${position}`, score: 1 }],
  size: 10 - position,
  responses: 12 - position,
  share: 0.25,
  sentiment: 'neutral',
  sentimentScore: 0,
  representatives: [],
  quotes: [],
  x: position,
  y: 1 - position,
  position,
  stability: 0.9,
  ...changes,
});

export const placed = (id: string, cluster: number, changes: Partial<PlacedAnswer> = {}): PlacedAnswer => ({
  id,
  cluster,
  x: 0.25,
  y: -1.5,
  duplicateOf: null,
  ...changes,
});

/** A conversation with these answers, in this order. */
export async function conversationOf(db: Db, texts: readonly string[], userId: string | null = null): Promise<{ id: string; answers: Answer[] }> {
  const { id } = await db.conversations.create({ userId, title: 'What should the town build?' });
  await db.conversations.addAnswers(
    id,
    texts.map((text) => ({ text })),
  );
  return { id, answers: await db.conversations.answers(id, { after: 0, limit: 1000 }) };
}

/** A job of the conversation, taken by a run. */
export async function runningAnalysis(db: Db, conversationId: string): Promise<{ jobId: string; runId: string }> {
  const { id: jobId } = await db.jobRows.createAnalysis({ conversationId, options: {} });
  const runId = randomUUID();
  await db.jobRows.begin({ table: 'conversation_analysis_jobs', id: jobId, run: 1, runId, attempt: 1 });
  return { jobId, runId };
}

/** Takes a job and saves this as its analysis; resolves to what was saved. */
export async function analysed(
  db: Db,
  conversationId: string,
  { themes = [], answers = [], result = { outcome: 'themes' } }: Partial<Pick<AnalysisToSave, 'themes' | 'answers' | 'result'>>,
): Promise<AnalysisToSave> {
  const analysis = { ...(await runningAnalysis(db, conversationId)), conversationId, result, themes, answers };
  if (!(await db.conversations.saveAnalysis(analysis))) throw new Error('The analysis was not saved');
  return analysis;
}

/** All that readers see of it. */
export const everythingOf = async (db: Db, id: string) => ({
  conversation: await db.conversations.get(id),
  themes: await db.conversations.themes(id),
  answers: await db.conversations.answers(id, { after: 0, limit: 100_000 }),
});
