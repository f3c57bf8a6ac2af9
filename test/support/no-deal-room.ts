import type { WorkerDeps } from '../../workers/index.ts';

const touched = () => Promise.reject(new Error('A worker of another queue has touched the deal room'));

/** For workers of other queues: whoever touches files, documents or briefs there is found out. */
export const noDealRoom: Pick<WorkerDeps, 'storage' | 'reader' | 'documentLimitBytes' | 'briefs'> = {
  storage: { put: touched, get: touched, remove: touched },
  reader: { version: 'none', read: touched, close: async () => undefined },
  documentLimitBytes: 0,
  briefs: {
    timeZone: 'UTC',
    store: { acquire: touched, release: touched },
    channels: { mail: false, webhook: false },
    onRecorded: () => undefined,
  },
};
