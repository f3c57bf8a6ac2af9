/** Document libraries of SharePoint, and OneDrive: the same to Graph. */

import { DAY } from '../../clock.ts';
import type { ConnectOptions, Connector, SourceDeps, SourceKind } from '../contract.ts';
import { createGraph } from '../graph/client.ts';
import { createSubscriptions } from '../graph/subscriptions.ts';
import { createListing } from './listing.ts';
import { openItem } from './open.ts';
import { driveField, findPlace, missing, type Place } from './place.ts';
import { type SharepointSettings, sharepointSettings } from './settings.ts';

const LABEL = 'SharePoint';
const OPEN_AT_ONCE = 6;
/** Graph takes 42,300 minutes at most, by its own clock. */
const WATCH_MS = 29 * DAY;

async function connect({ connectionId, settings, signal }: ConnectOptions<SharepointSettings>, deps: SourceDeps): Promise<Connector> {
  const { accounts, store, clock, graphBaseUrl: baseUrl, timings, tracer } = deps;
  const graph = createGraph({ connectionId, accounts, store, clock, signal, baseUrl, label: LABEL, access: 'files', timings, tracer });
  let known: Place | undefined;
  const find = async (): Promise<Place> => {
    known = await findPlace(graph, settings);
    return known;
  };
  const place = async (): Promise<Place> => known ?? find();
  const { full, changes } = createListing({
    graph,
    find,
    folderPath: settings.folder,
    onPlace: ({ drive, folder }) => {
      known = { drive, folder };
    },
    gone: () => missing(driveField(settings)),
  });

  return {
    full,
    changes,
    open: (item) => openItem(graph, place, item),
    // Mails are not files.
    readEmails: async () => [],
    parallel: OPEN_AT_ONCE,
    emailsAtOnce: 1,
    get calls() {
      return graph.calls;
    },
    watcher: createSubscriptions(graph, {
      // Drives tell of their root alone; a folder's changes are among them.
      resource: async () => `${(await place()).drive.slice(1)}/root`,
      changeType: 'updated',
      lastsMs: WATCH_MS,
      clock,
    }),
  };
}

export const sharepoint = {
  type: 'sharepoint',
  label: LABEL,
  provider: 'microsoft',
  access: 'files',
  settings: sharepointSettings,
  connect,
} satisfies SourceKind<SharepointSettings> & { type: 'sharepoint' };
