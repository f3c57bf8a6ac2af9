import { systemClock } from '../lib/clock.ts';
import type { Config } from '../lib/config.ts';
import type { Connection } from '../lib/db/mail-types.ts';
import type { Logger } from '../lib/log.ts';
import type { Quota } from '../lib/mail/contract.ts';
import type { MailDeps } from '../lib/mail/fetch.ts';
import { createMailboxes } from '../lib/mail/gmail/index.ts';
import { quotaOf } from '../lib/mail/gmail/quota.ts';
import { onConnected } from '../lib/mail/watches.ts';
import type { Accounts } from '../lib/oauth/contract.ts';
import type { Connections } from './connections.ts';

export interface MailOptions {
  google: Config['google'];
  accounts: Accounts;
  /** Default: that of `GMAIL_QUOTA`. */
  quota?: Quota | undefined;
}

/** What fetches share. Google's client and what takes mails apart are loaded by the first fetch. */
export function createMail(
  { google, accounts, quota }: MailOptions,
  { backend: { store }, tracer }: Pick<Connections, 'backend' | 'tracer'>,
): MailDeps {
  const { gmailQuota, apiRootUrl, batchSize, maxResults } = google;
  return {
    mailboxes: createMailboxes({ accounts, store, quota: quota ?? quotaOf(gmailQuota), apiRootUrl, clock: systemClock, tracer }),
    loadReader: async () => (await import('../lib/mail/message/reader.ts')).createMessageReader(),
    store,
    batchSize,
    maxResults,
  };
}

/** Asks Google for notices of a new account's mail, where a topic is configured. */
export function watchNewAccount(google: Config['google'], mail: () => MailDeps, db: Connections['db'], log: Logger) {
  return async (connection: Connection): Promise<void> => {
    await onConnected(connection, { connections: db.connections, mailboxes: mail().mailboxes, topic: google.pubsubTopic, log });
  };
}
