import { randomBytes, randomUUID } from 'node:crypto';
import type { Connection, MailboxRun, MailMessage, NewConnection, OAuthState } from '../../lib/db/mail-types.ts';
import type { Db } from '../../lib/db/types.ts';

export const newConnection = (changes: Partial<NewConnection> = {}): NewConnection => ({
  userId: randomUUID(),
  provider: 'google',
  accountId: randomUUID(),
  email: 'Ann@Example.com',
  scopes: ['https://www.googleapis.com/auth/gmail.readonly'],
  accessToken: 'sealed access 1',
  refreshToken: 'sealed refresh 1',
  accessExpiresAt: '2026-11-22T10:00:00.000Z',
  ...changes,
});

export const newState = (changes: Partial<OAuthState> = {}): OAuthState => ({
  id: randomUUID(),
  userId: randomUUID(),
  provider: 'google',
  secrets: 'sealed verifier',
  browser: null,
  returnTo: '/settings?tab=mail',
  expiresAt: new Date(Date.now() + 600_000).toISOString(),
  ...changes,
});

/** As Gmail names them. */
export const messageId = (): string => randomBytes(8).toString('hex');

export const newMessage = (changes: Partial<MailMessage> = {}): MailMessage => ({
  id: messageId(),
  threadId: 'thread-1',
  historyId: '1000',
  receivedAt: '2026-11-20T10:00:00.123Z',
  sentAt: '2026-11-20T09:59:58.000Z',
  fromName: 'Zoë Müller',
  fromAddress: 'zoe@example.com',
  people: { to: [{ name: null, address: 'ann@example.com' }], cc: [], bcc: [], replyTo: [] },
  subject: 'Lunch on Friday',
  snippet: 'Shall we',
  text: 'Shall we have lunch on Friday?\n',
  labels: ['INBOX', 'UNREAD'],
  headers: { received: ['by a', 'by b'], subject: ['Lunch on Friday'] },
  attachments: [{ filename: 'menu.pdf', mimeType: 'application/pdf', size: 12_345, attachmentId: 'ANGjdJ8', inline: false }],
  sizeBytes: 54_321,
  ...changes,
});

/** An account, and a fetch of its mailbox that is under way. */
export async function fetching(db: Db, changes: Partial<NewConnection> = {}): Promise<{ connection: Connection; run: MailboxRun }> {
  const connection = await db.connections.save(newConnection(changes));
  return { connection, run: await runningFetch(db, connection) };
}

export async function runningFetch(db: Db, { id: connectionId, userId }: Pick<Connection, 'id' | 'userId'>): Promise<MailboxRun> {
  const { id: jobId } = await db.jobRows.createFetch({ userId, params: { connectionId }, options: {} });
  return { connectionId, jobId, runId: await begun(db, jobId) };
}

/** Takes the job, whoever had it; the new run's id. */
export async function begun(db: Db, jobId: string, attempt = 1): Promise<string> {
  const runId = randomUUID();
  await db.jobRows.begin({ table: 'analytics_jobs', id: jobId, run: 1, runId, attempt });
  return runId;
}

/** All that is cached of a user, newest first. */
export async function cachedOf(db: Db, userId: string) {
  const { items } = await db.messages.list({ userId, limit: 1000 });
  return Promise.all(items.map(({ id }) => db.messages.get(id, userId)));
}
