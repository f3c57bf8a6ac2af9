/** Notices of change. They carry no detail, and come for the whole drive that the source is in. */
import { randomUUID } from 'node:crypto';
import { type Clock, DAY } from '../../clock.ts';
import type { Watcher } from '../contract.ts';
import { isMissing } from './failure.ts';
import type { Corpus, DriveMethods } from './methods.ts';
import { findScope } from './scope.ts';
import type { DriveSettings } from './settings.ts';

/** Google's longest for changes. */
const LASTS_MS = 7 * DAY;

export function createWatcher(methods: DriveMethods, settings: DriveSettings, clock: Clock): Watcher {
  return {
    async start(request) {
      const corpus = await corpusToWatch(methods, settings);
      const pageToken = await methods.startToken(corpus);
      return methods.watch(corpus, pageToken, { ...request, id: randomUUID(), expiresAt: clock.now() + LASTS_MS });
    },
    // Google has no way to prolong a channel: a new one is started, and the old one stopped once that stands.
    renew: async () => undefined,
    async stop(watch) {
      await methods.stop(watch).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
    },
  };
}

/** Only of a folder that is named alone it has to be asked which drive it is in. */
async function corpusToWatch(methods: DriveMethods, settings: DriveSettings): Promise<Corpus> {
  const { folderId, driveId } = settings;
  const isNamed = driveId !== undefined || folderId === undefined || folderId === 'root';
  return { driveId: isNamed ? driveId : (await findScope(methods, settings)).driveId };
}
