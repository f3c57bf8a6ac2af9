/**
 * How Hivepulse hears of changes: each source has a watch at its provider, which sends notices to a webhook of ours. Watches end, so they are
 * prolonged, or replaced, long before; what no notice tells is found by polling (`poll_sources`). Gmail's notices are of the account: `lib/mail/watches.ts`.
 */
import { type Clock, DAY, MINUTE } from '../clock.ts';
import type { DealSource, WatchedSource } from '../db/source-types.ts';
import type { Db } from '../db/types.ts';
import { HivepulseError, messageOf } from '../errors.ts';
import type { SourceType } from '../jobs/source-sync.ts';
import { createLanes } from '../lanes.ts';
import type { Logger } from '../log.ts';
import type { Connector, SourceDeps, Watch, Watcher } from './contract.ts';
import { sourceKind } from './index.ts';
import { hashOfSecret, newNoticeSecret } from './notice-secret.ts';
import { splitSettings } from './settings.ts';

export interface SourceWatchesDeps {
  db: { dealSources: Pick<Db['dealSources'], 'watchesEndingBefore' | 'postponeWatch' | 'watchOf' | 'setWatch' | 'ask'> };
  /** For connectors. */
  sources: SourceDeps;
  /** Without a trailing slash. Providers send notices to `https` alone; one on this machine (`GOOGLE_API_ROOT_URL`, `GRAPH_BASE_URL`) to any address. */
  publicUrl: string;
  clock: Pick<Clock, 'now'>;
  log: Logger;
  /** Syncs stand in the outbox. */
  poke: () => void;
}

export interface SourceWatches {
  /** Starts what is missing, prolongs what ends. A source that fails is logged and tried again half an hour later, a day later where it was refused. Rejects when the database is away. */
  renew(options: { signal: AbortSignal }): Promise<{ started: number; renewed: number; failed: number }>;
  /** Of one source, where it has none yet. Never rejects. */
  start(sourceId: string): Promise<void>;
  /** Before it is removed, or becomes one of other items: then another watch follows. Rejects when the database is away, and for nothing else: a watch that goes on ends by itself. */
  stop(source: DealSource): Promise<void>;
}

const WEBHOOKS: Partial<Record<SourceType, string>> = {
  gdrive: '/api/webhooks/gdrive',
  sharepoint: '/api/webhooks/graph',
  outlook: '/api/webhooks/graph',
};

/** Watches of a few days have hundreds of rounds left to be prolonged in; what ends before the next one but one is. */
const SOON_MS = 10 * MINUTE;
const AGAIN_MS = 30 * MINUTE;
/** What was refused, for want of a permission for instance, would be refused again. */
const REFUSED_MS = DAY;
/** Most sources of one round. */
const LIMIT = 500;
const AT_ONCE = 5;
/** Longest for one source, its provider's pauses included. */
const ONE_TIMEOUT_MS = MINUTE;

export function createSourceWatches({ db, sources, publicUrl, clock, log, poke }: SourceWatchesDeps): SourceWatches {
  const { dealSources } = db;
  const types = typesToWatch(publicUrl, sources);

  async function round({ signal, ...only }: { signal?: AbortSignal; sourceId?: string }) {
    const before = new Date(clock.now() + SOON_MS).toISOString();
    const due =
      types.length === 0 ? [] : await dealSources.watchesEndingBefore(before, { types, limit: LIMIT, base: publicUrl, againMs: AGAIN_MS, ...only });
    const inLane = createLanes(AT_ONCE);
    const outcomes = await Promise.all(due.map((one) => inLane(() => tryToWatch(one, signal), signal)));
    const count = (outcome: (typeof outcomes)[number]) => outcomes.filter((one) => one === outcome).length;
    return { started: count('started'), renewed: count('renewed'), failed: count('failed') };
  }

  async function tryToWatch(watched: WatchedSource, signal: AbortSignal | undefined) {
    const { id: sourceId, sourceType } = watched.source;
    try {
      const outcome = await watch(watched, limited(signal));
      log.debug({ event: 'source.watched', sourceId, sourceType, outcome }, 'a source is watched');
      return outcome;
    } catch (error) {
      log.warn({ event: 'source.watch_failed', sourceId, sourceType, ...toldOf(error) }, 'a source could not be watched; it is polled');
      const isRefused = error instanceof HivepulseError && !error.retryable;
      if (isRefused) await dealSources.postponeWatch(sourceId, new Date(clock.now() + REFUSED_MS).toISOString());
      return 'failed';
    }
  }

  async function watch({ source, watch: last, moved }: WatchedSource, signal: AbortSignal): Promise<'started' | 'renewed' | 'none'> {
    const { watcher } = await connect(source, signal);
    if (!watcher) return 'none';
    const holds = last !== null && !moved && Date.parse(last.expiresAt) > clock.now();
    const prolonged = holds ? await watcher.renew(last) : undefined;
    if (prolonged) {
      await store(source.id, prolonged);
      return 'renewed';
    }
    await start(source, watcher);
    if (last) await stopWith(watcher, source.id, last);
    // Nobody has told what happened until now.
    if (!holds && (await dealSources.ask(source.id, 'incremental', { trigger: 'poll' }))) poke();
    return 'started';
  }

  /** Its notices count once it is stored; until then the last one's do. */
  async function start({ id, sourceType }: DealSource, watcher: Watcher): Promise<void> {
    const secret = newNoticeSecret();
    const started = await watcher.start({ address: `${publicUrl}${WEBHOOKS[sourceType] ?? ''}`, secret });
    try {
      await store(id, started, hashOfSecret(secret));
    } catch (error) {
      await stopWith(watcher, id, started);
      throw error;
    }
  }

  /** A quarter of its time is left for trying to prolong it. */
  async function store(sourceId: string, { id, resource, expiresAt }: Watch, secretHash?: string): Promise<void> {
    const endsAt = Date.parse(expiresAt);
    const renewAt = new Date(endsAt - Math.max(0, endsAt - clock.now()) / 4).toISOString();
    await dealSources.setWatch(sourceId, { id, resource, expiresAt, renewAt, base: publicUrl, ...(secretHash === undefined ? {} : { secretHash }) });
  }

  async function stopWith(watcher: Pick<Watcher, 'stop'>, sourceId: string, last: Watch): Promise<void> {
    await watcher.stop(last).catch((error: unknown) => {
      log.info({ event: 'source.watch_not_stopped', sourceId, ...toldOf(error) }, 'a watch was not stopped; it ends by itself');
    });
  }

  async function connect({ sourceType, connectionId, settings }: DealSource, signal: AbortSignal): Promise<Pick<Connector, 'watcher'>> {
    const kind = sourceKind(sourceType);
    if (connectionId === null) return {};
    return kind.connect({ connectionId, settings: splitSettings(kind, settings).own, signal }, sources);
  }

  return {
    renew: ({ signal }) => round({ signal }),
    start: async (sourceId) => {
      await round({ sourceId }).catch((error: unknown) => {
        log.warn({ event: 'source.watch_failed', sourceId, ...toldOf(error) }, 'a source could not be watched; it is polled');
      });
    },
    stop: async (source) => {
      const last = await dealSources.watchOf(source.id);
      if (!last) return;
      // From here on its notices are refused.
      await dealSources.setWatch(source.id, null);
      const watcher = connect(source, limited(undefined)).then((connector) => connector.watcher);
      await stopWith({ stop: async (watch) => (await watcher)?.stop(watch) }, source.id, last);
    },
  };
}

function limited(signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(ONE_TIMEOUT_MS);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}

const toldOf = (error: unknown) => ({ code: error instanceof HivepulseError ? error.code : 'unexpected', error: messageOf(error) });

/** Those whose provider can reach us. */
function typesToWatch(publicUrl: string, { googleRootUrl, graphBaseUrl }: SourceDeps): SourceType[] {
  const { protocol, hostname } = new URL(publicUrl);
  const isPublic = protocol === 'https:' && !isLoopback(hostname);
  const rootUrls = { google: googleRootUrl, microsoft: graphBaseUrl };
  const types: SourceType[] = ['gdrive', 'sharepoint', 'outlook'];
  return types.filter((type) => {
    const rootUrl = rootUrls[sourceKind(type).provider];
    return isPublic || (rootUrl !== undefined && isLoopback(new URL(rootUrl).hostname));
  });
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '[::1]' || host.startsWith('127.');
