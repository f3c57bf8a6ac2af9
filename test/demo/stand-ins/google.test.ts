import { describe, expect, it } from 'vitest';
import { generate } from '../../../demo/stand-ins/google/generate.ts';
import { withGoogle } from '../../support/google.ts';
import { gmailOf, ME, mail, refusal } from './gmail-client.ts';

const HOUR = 3_600_000;
const userId = 'me';

describe('a listing', () => {
  it('goes through a mailbox in pages, newest first, each message once', async () => {
    const google = await withGoogle({ accounts: { [ME]: generate(1_100) } });
    const gmail = await gmailOf(google);
    const ids: string[] = [];
    for (let pageToken: string | null | undefined = ''; pageToken !== undefined; ) {
      const { data }: { data: { messages?: { id?: string | null }[]; nextPageToken?: string | null } } = await gmail.users.messages.list({
        userId,
        maxResults: 500,
        ...(pageToken ? { pageToken } : {}),
      });
      ids.push(...(data.messages ?? []).map(({ id }) => id ?? ''));
      // Mail that comes meanwhile moves nothing.
      google.mailbox(ME).deliver({ eml: mail('Meanwhile') });
      pageToken = data.nextPageToken ?? undefined;
    }
    const known = google.mailbox(ME).mails.map(({ id }) => id);
    expect(ids).toEqual(known.slice(3));
    expect(google.requests.counts.list).toBe(3);
  });

  it.each([
    ['subject:invoice', ['Invoice of May']],
    ['from:ada -visit', ['Invoice of May']],
    ['"visit next week"', ['Visit next week']],
    ['label:work', ['Visit next week']],
    ['is:unread', ['Visit next week']],
    ['after:2026/11/02', ['Visit next week', 'Spam']],
    ['before:2026-11-02', ['Invoice of May']],
    ['in:spam', ['Spam']],
  ])('finds by %s', async (q, subjects) => {
    const at = (day: number): number => Date.UTC(2026, 10, day);
    const mails = [
      { eml: mail('Invoice of May'), receivedAt: at(1), labelIds: ['INBOX'] },
      { eml: mail('Visit next week'), receivedAt: at(3), labelIds: ['INBOX', 'UNREAD', 'work'] },
      { eml: mail('Spam', 'Win.', ''), receivedAt: at(4), labelIds: ['SPAM'] },
    ];
    const google = await withGoogle({ accounts: { [ME]: mails } });
    const gmail = await gmailOf(google);
    const { data } = await gmail.users.messages.list({ userId, q, includeSpamTrash: q.startsWith('after') });
    const found = await Promise.all((data.messages ?? []).map(({ id }) => gmail.users.messages.get({ userId, id: id ?? '', format: 'metadata' })));
    const subjectsOf = found.map((one) => one.data.payload?.headers?.find(({ name }) => name === 'Subject')?.value);
    expect(subjectsOf.sort()).toEqual([...subjects].sort());
  });

  it('leaves spam and trash out, and asks for all of several labels', async () => {
    const google = await withGoogle({ accounts: { [ME]: [] } });
    const mailbox = google.mailbox(ME);
    const both = mailbox.deliver({ eml: mail('One'), labelIds: ['INBOX', 'STARRED'] });
    mailbox.deliver({ eml: mail('Two'), labelIds: ['INBOX'] });
    mailbox.deliver({ eml: mail('Three'), labelIds: ['TRASH', 'STARRED'] });
    const gmail = await gmailOf(google);
    const count = async (options: object): Promise<number> => (await gmail.users.messages.list({ userId, ...options })).data.messages?.length ?? 0;
    expect(await count({})).toBe(2);
    expect(await count({ includeSpamTrash: true })).toBe(3);
    const { data } = await gmail.users.messages.list({ userId, labelIds: ['INBOX', 'STARRED'] });
    expect(data.messages).toEqual([{ id: both, threadId: both }]);
  });
});

describe('history', () => {
  it('tells what came, went and was relabelled, in order', async () => {
    const google = await withGoogle({ accounts: { [ME]: [{ eml: mail('Old') }] } });
    const gmail = await gmailOf(google);
    const mailbox = google.mailbox(ME);
    const old = mailbox.mails[0]?.id ?? '';
    const startHistoryId = (await gmail.users.getProfile({ userId })).data.historyId ?? '';
    const came = mailbox.deliver({ eml: mail('New') });
    mailbox.relabel(came, { add: ['STARRED'], remove: ['UNREAD'] });
    mailbox.trash(came);
    mailbox.delete(old);
    const { data } = await gmail.users.history.list({ userId, startHistoryId });
    const told = (data.history ?? []).flatMap(({ messagesAdded = [], messagesDeleted = [], labelsAdded = [], labelsRemoved = [] }) => [
      ...messagesAdded.map(({ message }) => ['added', message?.id, message?.labelIds]),
      ...messagesDeleted.map(({ message }) => ['deleted', message?.id, undefined]),
      ...labelsAdded.map(({ message, labelIds }) => ['labelled', message?.id, labelIds]),
      ...labelsRemoved.map(({ message, labelIds }) => ['unlabelled', message?.id, labelIds]),
    ]);
    expect(told).toEqual([
      ['added', came, ['UNREAD', 'INBOX']],
      ['unlabelled', came, ['UNREAD']],
      ['labelled', came, ['STARRED']],
      ['unlabelled', came, ['INBOX']],
      ['labelled', came, ['TRASH']],
      ['deleted', old, undefined],
    ]);
    expect(data.historyId).toBe(mailbox.historyId.toString());
    expect((await gmail.users.history.list({ userId, startHistoryId: data.historyId ?? '' })).data).toEqual({ historyId: data.historyId });
  });

  it('comes in pages, and only of the kinds and the label asked for', async () => {
    const google = await withGoogle({ accounts: { [ME]: [] } });
    const gmail = await gmailOf(google);
    const mailbox = google.mailbox(ME);
    const startHistoryId = mailbox.historyId.toString();
    const ids = ['One', 'Two', 'Three'].map((subject) => mailbox.deliver({ eml: mail(subject) }));
    mailbox.relabel(ids[0] ?? '', { add: ['STARRED'] });
    const first = await gmail.users.history.list({ userId, startHistoryId, maxResults: 2, historyTypes: ['messageAdded'] });
    const rest = { userId, startHistoryId, historyTypes: ['messageAdded'], pageToken: first.data.nextPageToken ?? '' };
    const second = await gmail.users.history.list(rest);
    const idsOf = (data: typeof first.data): unknown[] => (data.history ?? []).flatMap(({ messages = [] }) => messages.map(({ id }) => id));
    expect([...idsOf(first.data), ...idsOf(second.data)]).toEqual(ids);
    expect(second.data.nextPageToken).toBeUndefined();
    expect(idsOf((await gmail.users.history.list({ userId, startHistoryId, labelId: 'STARRED' })).data)).toEqual([ids[0]]);
  });

  it('is forgotten: an id before that is not found', async () => {
    const google = await withGoogle({ accounts: { [ME]: [{ eml: mail('Old') }] } });
    const gmail = await gmailOf(google);
    const startHistoryId = google.mailbox(ME).historyId.toString();
    google.mailbox(ME).forgetHistory();
    expect(await refusal(gmail.users.history.list({ userId, startHistoryId }))).toMatchObject({ status: 404, reason: 'notFound' });
    expect(await refusal(gmail.users.history.list({ userId, startHistoryId: 'x' }))).toMatchObject({ status: 400 });
    expect((await gmail.users.history.list({ userId, startHistoryId: google.mailbox(ME).historyId.toString() })).status).toBe(200);
  });
});

it('threads follow References, and answer as a whole', async () => {
  const first = mail('Plan', 'Shall we?', 'Message-ID: <plan@example.com>\r\n');
  const reply = mail('Re: Plan', 'Yes.', 'Message-ID: <re@example.com>\r\nIn-Reply-To: <plan@example.com>\r\n');
  const mails = [
    { eml: reply, receivedAt: 2 * HOUR },
    { eml: first, receivedAt: HOUR },
  ];
  const google = await withGoogle({ accounts: { [ME]: mails } });
  const [newest, oldest] = google.mailbox(ME).mails;
  expect(newest?.threadId).toBe(oldest?.id);
  const { data } = await (await gmailOf(google)).users.threads.get({ userId, id: oldest?.id ?? '' });
  expect(data.messages?.map(({ snippet }) => snippet)).toEqual(['Shall we?', 'Yes.']);
});

it('a watch lasts a week and wants a topic', async () => {
  const google = await withGoogle({ accounts: { [ME]: [] } });
  const gmail = await gmailOf(google);
  const { data } = await gmail.users.watch({ userId, requestBody: { topicName: 'projects/mine/topics/mail' } });
  expect(data.historyId).toBe(google.mailbox(ME).historyId.toString());
  expect(Number(data.expiration)).toBeGreaterThan(Date.now() + 6 * 24 * HOUR);
  expect(await refusal(gmail.users.watch({ userId, requestBody: { topicName: 'mail' } }))).toMatchObject({ status: 400 });
  expect((await gmail.users.stop({ userId })).status).toBe(204);
});

it('an account reads its own mailbox only, and only with a scope for it', async () => {
  const google = await withGoogle({ accounts: { [ME]: [], 'you@example.com': [] } });
  const gmail = await gmailOf(google);
  expect((await gmail.users.getProfile({ userId: ME })).data.emailAddress).toBe(ME);
  expect(await refusal(gmail.users.getProfile({ userId: 'you@example.com' }))).toMatchObject({ status: 403, reason: 'forbidden' });
  const unscoped = await gmailOf(google, ['openid']);
  expect(await refusal(unscoped.users.getProfile({ userId }))).toMatchObject({ status: 403, reason: 'insufficientPermissions' });
});
