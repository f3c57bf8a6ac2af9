import { UnavailableError } from '../../errors.ts';
import { refusalOf } from '../../provider-failure.ts';
import type { HistoryPage, Mailbox, MessageRead, Quota } from '../contract.ts';
import { type Ask, unlessMissing } from './ask.ts';
import { foldHistory } from './history.ts';

type Costs = Quota['costs'];

const ME = { userId: 'me' } as const;
/** Of listings and of histories. */
const LONGEST_PAGE = 500;
const CHANGES = ['messageAdded', 'messageDeleted', 'labelAdded', 'labelRemoved'];
/** Without it each record repeats its messages. */
const RECORD_FIELDS = [
  'id',
  'messagesAdded/message(id,labelIds)',
  'messagesDeleted/message/id',
  'labelsAdded(labelIds,message(id,labelIds))',
  'labelsRemoved(labelIds,message(id,labelIds))',
].join(',');

export async function readProfile(ask: Ask, costs: Costs): ReturnType<Mailbox['profile']> {
  const answer = await unlessMissing(ask('users.getProfile', costs.profile, (api, options) => api.users.getProfile(ME, options)));
  if (!answer) return { email: '', historyId: await newestHistoryId(ask, costs) };
  if (!answer.historyId) throw new UnavailableError('Gmail did not say how far the mailbox has come');
  return { email: answer.emailAddress ?? '', historyId: answer.historyId };
}

/** For servers that know no profiles: the last change of the newest message, as Google's guide to synchronising says. */
async function newestHistoryId(ask: Ask, costs: Costs): Promise<string> {
  const { ids } = await listMessages(ask, costs, { limit: 1 });
  const [id] = ids;
  // Older than any: the first fetch lists the mailbox, and so does the next.
  if (id === undefined) return '1';
  const parameters = { ...ME, id, format: 'minimal', fields: 'id,historyId' };
  const message = await unlessMissing(ask('users.messages.get', costs.message, (api, options) => api.users.messages.get(parameters, options)));
  return message?.historyId ?? '1';
}

/** One message by itself, as a part of a batch tells it. */
export async function readMessage(ask: Ask, costs: Costs, id: string): Promise<MessageRead> {
  try {
    const parameters = { ...ME, id, format: 'full' };
    return {
      state: 'read',
      id,
      message: await ask('users.messages.get', costs.message, (api, options) => api.users.messages.get(parameters, options)),
    };
  } catch (error) {
    const refusal = refusalOf(error);
    if (!refusal || refusal.status === 401) throw error;
    return refusal.status === 404 ? { state: 'gone', id } : { state: 'refused', id, ...refusal };
  }
}

export async function listMessages(ask: Ask, costs: Costs, { query, labelIds, pageToken, limit }: Parameters<Mailbox['list']>[0]) {
  const parameters = {
    ...ME,
    maxResults: Math.min(LONGEST_PAGE, limit),
    fields: 'messages/id,nextPageToken',
    ...(query ? { q: query } : {}),
    ...(labelIds?.length ? { labelIds: [...labelIds] } : {}),
    ...(pageToken ? { pageToken } : {}),
  };
  const fields = [...(query ? ['query'] : []), ...(labelIds?.length ? ['labelIds'] : [])];
  const answer = await ask('users.messages.list', costs.list, (api, options) => api.users.messages.list(parameters, options), fields);
  const ids = (answer.messages ?? []).flatMap(({ id }) => id ?? []);
  return { ids: ids.slice(0, limit), ...(answer.nextPageToken ? { nextPageToken: answer.nextPageToken } : {}) };
}

export async function listLabels(ask: Ask, costs: Costs): ReturnType<Mailbox['labels']> {
  const parameters = { ...ME, fields: 'labels(id,name)' };
  const { labels = [] } = await ask('users.labels.list', costs.labels, (api, options) => api.users.labels.list(parameters, options));
  return labels.flatMap(({ id, name }) => (id ? [{ id, name: name ?? id }] : []));
}

export async function readHistory(ask: Ask, costs: Costs, { since, pageToken }: Parameters<Mailbox['history']>[0]): Promise<HistoryPage | undefined> {
  const parameters = {
    ...ME,
    startHistoryId: since,
    historyTypes: [...CHANGES],
    maxResults: LONGEST_PAGE,
    fields: `history(${RECORD_FIELDS}),historyId,nextPageToken`,
    ...(pageToken ? { pageToken } : {}),
  };
  const answer = await unlessMissing(ask('users.history.list', costs.history, (api, options) => api.users.history.list(parameters, options)));
  return answer && foldHistory(answer, since);
}

export async function watchMailbox(ask: Ask, costs: Costs, topic: string): ReturnType<Mailbox['watch']> {
  // Without labels: a followed mailbox is told of every change, also of deletes outside the inbox.
  const request = { ...ME, requestBody: { topicName: topic } };
  const { historyId, expiration } = await ask('users.watch', costs.watch, (api, options) => api.users.watch(request, options), [
    'GOOGLE_PUBSUB_TOPIC',
  ]);
  if (!historyId || !expiration) throw new UnavailableError('Gmail did not say until when it watches the mailbox');
  return { historyId, expiresAt: new Date(Number(expiration)).toISOString() };
}
