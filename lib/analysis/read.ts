import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Conversation, Theme } from '../db/conversation-types.ts';
import { NotFoundError } from '../errors.ts';
import type { AnalyseContext } from './analyse.ts';
import type { DistinctAnswer } from './contract.ts';
import { createCollector } from './text/clean.ts';

export interface Read {
  conversation: Conversation;
  /** Of the analysis before. */
  themes: Theme[];
  distinct: DistinctAnswer[];
  /** Every row that says something, and which of the distinct answers it is. */
  places: { id: string; distinct: number }[];
  counts: { answers: number; empty: number; duplicates: number };
}

const PAGE = 1_000;

export async function readAnswers(id: string, { deps: { db }, steps, signal }: Pick<AnalyseContext, 'deps' | 'steps' | 'signal'>): Promise<Read> {
  steps.begin('reading');
  const conversation = await db.conversations.get(id);
  if (!conversation) throw new NotFoundError('Conversation', id);
  const themes = await db.conversations.themes(id);
  const collector = createCollector();
  let after = 0;
  for (;;) {
    signal.throwIfAborted();
    const page = await db.conversations.answers(id, { after, limit: PAGE });
    collector.add(page);
    const last = page.at(-1);
    if (page.length < PAGE || !last) break;
    after = last.position;
    await nextTurn();
  }
  const { distinct, places, answers, empty, duplicates } = collector.finish();
  return { conversation, themes, distinct, places, counts: { answers, empty, duplicates } };
}
