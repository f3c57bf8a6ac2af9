/** Answers are read page by page; what is shown of them together has to be of one analysis. */
import { createHash } from 'node:crypto';
import type { Answer, Conversation, ConversationsTable, Theme } from '../db/conversation-types.ts';
import { UnavailableError } from '../errors.ts';

export interface Snapshot {
  conversation: Conversation;
  /** The largest first. */
  themes: Theme[];
  /** Changes with the analysis and whenever a theme is renamed or merged. */
  version: string;
}

type Reader = Pick<ConversationsTable, 'get' | 'themes' | 'answers'>;

const PAGE_ANSWERS = 2_000;

export async function takeSnapshot(table: Reader, conversation: Conversation): Promise<Snapshot> {
  const themes = (await table.themes(conversation.id)).toSorted((a, b) => b.size - a.size || a.position - b.position);
  const version = createHash('sha256').update(`${conversation.id} ${conversation.analysisJobId} ${conversation.title}`);
  for (const { id, updatedAt, name } of themes) version.update(`\n${id} ${updatedAt} ${name}`);
  return { conversation, themes, version: version.digest('base64url').slice(0, 22) };
}

/**
 * Pages of answers in their order. Throws `UnavailableError` (`changed_meanwhile`) instead of the last page when themes or analysis changed since the
 * snapshot: the pages before may be of the one, or of the other.
 */
export async function* answersOf(table: Reader, { conversation, version }: Snapshot, pageAnswers = PAGE_ANSWERS): AsyncGenerator<Answer[]> {
  const { id } = conversation;
  for (let after = 0, more = true; more; ) {
    const page = await table.answers(id, { after, limit: pageAnswers });
    more = page.length === pageAnswers;
    after = page.at(-1)?.position ?? after;
    if (!more) await requireUnchanged(table, id, version);
    yield page;
  }
}

async function requireUnchanged(table: Reader, id: string, version: string): Promise<void> {
  const now = await table.get(id);
  if (now && (await takeSnapshot(table, now)).version === version) return;
  throw new UnavailableError('The themes changed while the answers were read. Ask again.', { code: 'changed_meanwhile' });
}
