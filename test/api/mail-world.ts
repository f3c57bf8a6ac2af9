import { randomUUID } from 'node:crypto';
import type { Connection, MailMessage } from '../../lib/db/mail-types.ts';
import type { Db } from '../../lib/db/types.ts';

/** An account that the user has given access to. */
export function connect(
  db: Pick<Db, 'connections'>,
  userId: string,
  email = `${randomUUID()}@example.com`,
  scopes: string[] = [],
): Promise<Connection> {
  const tokens = { accessToken: 'sealed', refreshToken: 'sealed', accessExpiresAt: new Date(Date.now() + 3_600_000).toISOString() };
  return db.connections.save({ userId, provider: 'google', accountId: randomUUID(), email, scopes, ...tokens });
}

/** Google wants the user to sign in again. */
export async function lose(db: Pick<Db, 'connections'>, { id }: Pick<Connection, 'id'>): Promise<void> {
  if (!(await db.connections.markReauthRequired(id, 1, 'invalid_grant'))) throw new Error('the account was not active');
}

export function messageOf(message: Partial<MailMessage> & { id: string }): MailMessage {
  return {
    threadId: message.id,
    historyId: '1',
    receivedAt: '2026-11-01T08:00:00.000Z',
    sentAt: null,
    fromName: 'Ann',
    fromAddress: 'ann@example.com',
    people: { to: [{ name: null, address: 'me@example.com' }], cc: [], bcc: [], replyTo: [] },
    subject: 'Lunch',
    snippet: 'Shall we',
    text: 'Shall we have lunch?',
    labels: ['INBOX'],
    headers: { subject: ['Lunch'] },
    attachments: [],
    sizeBytes: 400,
    ...message,
  };
}

/** Stores messages as a fetch does; resolves to the job's id, which has then ended. `historyId`: the mailbox was followed to here. */
export async function fetched(
  db: Pick<Db, 'jobRows' | 'mailboxes'>,
  { id: connectionId, userId }: Pick<Connection, 'id' | 'userId'>,
  messages: readonly MailMessage[],
  { historyId = null, jobId }: { historyId?: string | null; jobId?: string } = {},
): Promise<string> {
  const id = jobId ?? (await db.jobRows.createFetch({ userId, params: { connectionId }, options: {} })).id;
  const run = { jobId: id, runId: randomUUID(), connectionId };
  await db.jobRows.begin({ table: 'analytics_jobs', id, run: 1, runId: run.runId, attempt: 1 });
  await db.mailboxes.store(run, messages);
  await db.mailboxes.record(run, { historyId });
  await db.jobRows.end({ table: 'analytics_jobs', id, runId: run.runId, outcome: 'done', result: { fetched: messages.length } });
  return id;
}
