import type { gmail_v1 } from '@googleapis/gmail';
import type { HistoryPage } from '../contract.ts';

type LabelMove = 'added' | 'removed';

/**
 * Folds a page of history records, oldest first, into what is true after it: of a message that came and went only that it is gone, of each label
 * the last word, also of messages that came: one that was fetched by a query meanwhile is in the cache already, as it was then. `since` is where
 * the page began.
 */
export function foldHistory(answer: gmail_v1.Schema$ListHistoryResponse, since: string): HistoryPage {
  const added = new Set<string>();
  const deleted = new Set<string>();
  const moves = new Map<string, Map<string, LabelMove>>();
  const labelsNow = new Map<string, readonly string[]>();
  for (const record of answer.history ?? []) {
    for (const id of idsOf(record.messagesAdded)) move(id, deleted, added);
    for (const change of record.labelsAdded ?? []) moveLabels(moves, change, 'added');
    for (const change of record.labelsRemoved ?? []) moveLabels(moves, change, 'removed');
    for (const { message } of [record.messagesAdded, record.labelsAdded, record.labelsRemoved].flatMap((changes) => changes ?? [])) {
      // What was told before it changed is not true any more.
      if (message?.id && message.labelIds) labelsNow.set(message.id, message.labelIds);
      else if (message?.id) labelsNow.delete(message.id);
    }
    for (const id of idsOf(record.messagesDeleted)) move(id, added, deleted);
  }
  const known = [...moves].filter(([id]) => !deleted.has(id));
  const { nextPageToken } = answer;
  return {
    added: [...added],
    deleted: [...deleted],
    labels: known.map(([id, labels]) => ({ id, added: labelsThat(labels, 'added'), removed: labelsThat(labels, 'removed') })),
    labelsNow,
    // With more pages to come, the answer's own id is that of the mailbox now: further than we are.
    historyId: (nextPageToken ? answer.history?.at(-1)?.id : answer.historyId) ?? since,
    ...(nextPageToken ? { nextPageToken } : {}),
  };
}

function idsOf(changes: readonly { message?: gmail_v1.Schema$Message }[] | undefined): string[] {
  return (changes ?? []).flatMap(({ message }) => (message?.id ? [message.id] : []));
}

function move(id: string, from: Set<string>, to: Set<string>): void {
  from.delete(id);
  to.add(id);
}

function moveLabels(
  moves: Map<string, Map<string, LabelMove>>,
  { message, labelIds }: { message?: gmail_v1.Schema$Message; labelIds?: string[] | null },
  how: LabelMove,
): void {
  if (!message?.id) return;
  const labels = moves.get(message.id) ?? new Map<string, LabelMove>();
  for (const label of labelIds ?? []) labels.set(label, how);
  moves.set(message.id, labels);
}

function labelsThat(labels: Map<string, LabelMove>, how: LabelMove): string[] {
  return [...labels].flatMap(([label, last]) => (last === how ? [label] : []));
}
