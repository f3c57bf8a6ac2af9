/** users.messages.list and users.history.list. */
import { type Call, invalidArgument, json, notFound, type Reply } from './http.ts';
import type { Change, ChangeKind, Mailbox, StoredMail } from './mailbox.ts';
import { pageToken, readPage } from './pages.ts';
import { parseQuery, searchesSpamOrTrash } from './query.ts';

export function listMessages(call: Call, mailbox: Mailbox): Reply {
  const page = readPage(call, { max: 100, most: 500 });
  if ('status' in page) return page;
  const found = newerThanToken(mailbox.mails, page.after).filter(filterOf(call.query));
  const messages = found.slice(0, page.max).map(({ id, threadId }) => ({ id, threadId }));
  const last = found[page.max - 1];
  const isMore = found.length > page.max && last !== undefined;
  return json(200, {
    ...(messages.length > 0 ? { messages } : {}),
    ...(isMore ? { nextPageToken: pageToken(`${last.receivedAt}:${last.id}`) } : {}),
    resultSizeEstimate: found.length,
  });
}

function newerThanToken(mails: readonly StoredMail[], after: string | undefined): readonly StoredMail[] {
  if (after === undefined) return mails;
  const [time = '', id = ''] = after.split(':');
  return mails.filter((mail) => mail.receivedAt < Number(time) || (mail.receivedAt === Number(time) && mail.id < id));
}

function filterOf(query: URLSearchParams): (mail: StoredMail) => boolean {
  const text = query.get('q') ?? '';
  const test = parseQuery(text);
  const labels = query.getAll('labelIds');
  const everywhere = query.get('includeSpamTrash') === 'true' || searchesSpamOrTrash(text) || labels.some(isHidden);
  return (mail) => labels.every((label) => mail.labelIds.includes(label)) && (everywhere || !mail.labelIds.some(isHidden)) && test(mail);
}

function isHidden(label: string): boolean {
  return label === 'SPAM' || label === 'TRASH';
}

const KINDS: Readonly<Record<string, ChangeKind>> = {
  messageAdded: 'messagesAdded',
  messageDeleted: 'messagesDeleted',
  labelAdded: 'labelsAdded',
  labelRemoved: 'labelsRemoved',
};

/** 404 for an id before what is remembered, or that was never given out. */
export function listHistory(call: Call, mailbox: Mailbox): Reply {
  const page = readPage(call, { max: 100, most: 500 });
  if ('status' in page) return page;
  const start = call.query.get('startHistoryId') ?? '';
  if (!/^\d+$/.test(start)) return invalidArgument('Invalid value for startHistoryId');
  if (BigInt(start) < mailbox.oldestHistoryId || BigInt(start) > mailbox.historyId) return notFound();
  const types = call.query.getAll('historyTypes');
  if (types.some((type) => !(type in KINDS))) return invalidArgument('Invalid value for historyTypes');
  const from = BigInt(page.after ?? start);
  const label = call.query.get('labelId');
  const found = mailbox.changes.filter(
    ({ id, kind, message }) =>
      id > from && (types.length === 0 || types.some((type) => KINDS[type] === kind)) && (label === null || message.labelIds.includes(label)),
  );
  const history = found.slice(0, page.max).map(record);
  const last = found[page.max - 1];
  return json(200, {
    ...(history.length > 0 ? { history } : {}),
    ...(found.length > page.max && last ? { nextPageToken: pageToken(last.id.toString()) } : {}),
    historyId: mailbox.historyId.toString(),
  });
}

function record({ id, kind, message, labelIds }: Change): Record<string, unknown> {
  const { id: messageId, threadId } = message;
  const change = { message, ...(labelIds.length > 0 ? { labelIds } : {}) };
  return { id: id.toString(), messages: [{ id: messageId, threadId }], [kind]: [change] };
}
