import type { MailDeps } from '../../lib/mail/fetch.ts';

/** For workers of other queues: whoever touches a mailbox there is found out. */
export const noMail: MailDeps = {
  mailboxes: {
    open: () => {
      throw new Error('A worker of another queue has opened a mailbox');
    },
  },
  loadReader: () => Promise.reject(new Error('A worker of another queue reads mail')),
  store: { acquire: async () => false, release: async () => undefined },
  batchSize: 20,
  maxResults: 500,
};
