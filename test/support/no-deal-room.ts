import { systemClock } from '../../lib/clock.ts';
import type { WorkerDeps } from '../../workers/index.ts';
import { noMail } from './no-mail.ts';

const touched = () => Promise.reject(new Error('A worker of another queue has touched the deal room'));

/** For workers of other queues: whoever touches files, documents or briefs there is found out. */
export const noDealRoom: Pick<WorkerDeps, 'storage' | 'reader' | 'documentLimitBytes' | 'briefs' | 'sync'> = {
  storage: { put: touched, get: touched, remove: touched },
  reader: { version: 'none', read: touched, close: async () => undefined },
  documentLimitBytes: 0,
  briefs: {
    timeZone: 'UTC',
    store: { acquire: touched, release: touched },
    channels: { mail: false, webhook: false },
    onRecorded: () => undefined,
  },
  sync: {
    accounts: { accessToken: touched },
    store: { limitedUntil: touched, limit: touched, acquire: touched, release: touched },
    mailboxes: noMail.mailboxes,
    clock: systemClock,
    googleRootUrl: undefined,
    graphBaseUrl: undefined,
    storage: { put: touched, get: touched, remove: touched },
    documentLimitBytes: 0,
    poke: () => undefined,
  },
};
