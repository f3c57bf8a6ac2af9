import { createCaller } from '../calls.ts';
import type { ConnectOptions, Connector, SourceDeps } from '../contract.ts';
import { listChanges } from './changes.ts';
import { createDriveClient } from './client.ts';
import { adviceOn, failureOf } from './failure.ts';
import { exportsOf } from './item.ts';
import { listAll } from './listing.ts';
import { createMethods } from './methods.ts';
import { openFile } from './open.ts';
import type { DriveSettings } from './settings.ts';
import { createWatcher } from './watcher.ts';

/** Far below what Google lets one user ask a minute, and enough to hide the wait for each answer. */
const PARALLEL = 10;

export function connectDrive({ connectionId, settings, signal }: ConnectOptions<DriveSettings>, deps: SourceDeps): Connector {
  const { accounts, store, clock, timings, tracer } = deps;
  const call = createCaller({
    connectionId,
    accounts,
    store,
    clock,
    signal,
    timings,
    tracer,
    label: 'Google Drive',
    limitKey: `account:google:${connectionId}`,
    failureOf: (error) => failureOf(error, clock.now()),
    advice: adviceOn,
  });
  const methods = createMethods({ client: createDriveClient(deps.googleRootUrl), call, signal, idleMs: timings?.idleMs });
  const exports = exportsOf(settings.exportAs);
  return {
    full: (cursor) => listAll(cursor, { methods, settings, exports }),
    changes: (cursor) => listChanges(cursor, { methods, exports }),
    open: (item) => openFile(item, methods),
    // There are none.
    readEmails: async () => [],
    parallel: PARALLEL,
    emailsAtOnce: 1,
    get calls() {
      return call.calls;
    },
    watcher: createWatcher(methods, settings, clock),
  };
}
