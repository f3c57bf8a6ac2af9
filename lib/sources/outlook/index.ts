/** Outlook as a source: the delta of each folder's messages, bodies included, so that no mail takes a call of its own. */
import { createLanes } from '../../lanes.ts';
import { type Connector, ItemError, type SourceKind } from '../contract.ts';
import { createGraph } from '../graph/client.ts';
import { createSubscriptions } from '../graph/subscriptions.ts';
import { readMail } from './read.ts';
import { type OutlookSettings, outlookSettings } from './settings.ts';
import { AT_ONCE, createWalk } from './walk.ts';

const MINUTE = 60_000;
/** Graph allows 10,080 minutes, by its own clock. */
const WATCH_LASTS_MS = (10_080 - 15) * MINUTE;

export const outlook: SourceKind<OutlookSettings> & { type: 'outlook' } = {
  type: 'outlook',
  label: 'Outlook',
  provider: 'microsoft',
  access: 'mail',
  settings: outlookSettings,
  connect: async ({ connectionId, settings, signal }, { accounts, store, clock, graphBaseUrl: baseUrl, timings, tracer }) => {
    const graph = createGraph({
      connectionId,
      accounts,
      store,
      clock,
      signal,
      baseUrl,
      label: 'Outlook',
      access: 'mail',
      slots: AT_ONCE,
      timings,
      tracer,
    });
    const walk = createWalk({ graph, settings });
    const inLane = createLanes(AT_ONCE);
    const connector: Connector = {
      ...walk,
      open: async () => {
        throw new ItemError('A mailbox holds mails and no documents');
      },
      readEmails: (items) => Promise.all(items.map((item) => inLane(() => readMail(item, graph), signal))),
      parallel: 1,
      emailsAtOnce: 50,
      get calls() {
        return graph.calls;
      },
      watcher: createSubscriptions(graph, {
        resource: () => 'me/messages',
        changeType: 'created,updated,deleted',
        lastsMs: WATCH_LASTS_MS,
        clock,
      }),
    };
    return connector;
  },
};
