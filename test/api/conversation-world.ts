import { randomUUID } from 'node:crypto';
import type { NewTheme, PlacedAnswer } from '../../lib/db/conversation-types.ts';
import type { Api, CallOptions } from './world.ts';

export async function createConversation(api: Api, options: CallOptions & { responses?: unknown[]; title?: string } = {}): Promise<string> {
  const { responses, title = 'Our town in 2050', ...call } = options;
  const { status, body } = await api.call('POST', '/api/conversations', { json: { title, ...(responses ? { responses } : {}) }, ...call });
  if (status !== 201) throw new Error(`conversation not created: ${JSON.stringify(body)}`);
  return body.data.conversation.id;
}

function themeAt(position: number, name: string, size: number, total: number): NewTheme {
  return {
    id: randomUUID(),
    name,
    description: `What people say about ${name}`,
    keywords: [{ term: name.toLowerCase(), score: 1 }],
    size,
    responses: size,
    share: size / total,
    sentiment: 'neutral',
    sentimentScore: 0,
    representatives: [],
    quotes: [],
    x: position * 10,
    y: 0,
    position,
    stability: 0.9,
  };
}

/**
 * Saves an analysis as a worker does: `placeOf` says for each answer which of the `names` it belongs to (-1 = none, undefined = left out); answers with
 * equal texts are placed with the first of them.
 */
export async function analyse(api: Api, conversationId: string, names: string[], placeOf: (text: string, index: number) => number | undefined) {
  const { id: jobId } = await api.db.jobRows.createAnalysis({ conversationId, options: {} });
  const runId = randomUUID();
  await api.db.jobRows.begin({ table: 'conversation_analysis_jobs', id: jobId, run: 1, runId, attempt: 1 });
  const answers = await allAnswers(api, conversationId);
  const firsts = new Map<string, string>();
  const placed = answers.flatMap(({ id, text }, index): PlacedAnswer[] => {
    const cluster = placeOf(text, index);
    if (cluster === undefined) return [];
    const first = firsts.get(text);
    if (first === undefined) firsts.set(text, id);
    return [{ id, cluster, x: cluster * 10 + (index % 7) / 8, y: -(index % 5) / 8, duplicateOf: first ?? null }];
  });
  const sizes = names.map((_, position) => placed.filter(({ cluster, duplicateOf }) => cluster === position && duplicateOf === null).length);
  const themes = names.map((name, position) => themeAt(position, name, sizes[position] ?? 0, firsts.size));
  const saved = await api.db.conversations.saveAnalysis({ jobId, runId, conversationId, result: { outcome: 'themes' }, themes, answers: placed });
  if (!saved) throw new Error('the analysis was not saved');
  return { jobId, themes, answers };
}

export async function allAnswers(api: Api, conversationId: string) {
  return api.db.conversations.answers(conversationId, { after: 0, limit: 5_000 });
}

/** What is stored of a conversation, in its order. */
export async function storedTexts(api: Api, conversationId: string): Promise<string[]> {
  return (await allAnswers(api, conversationId)).map(({ text }) => text);
}
