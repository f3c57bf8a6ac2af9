import type { LocalTasks } from '../lib/ai/contract.ts';
import { type AiService, createAi } from '../lib/ai/index.ts';
import { createLocalEmbeddings } from '../lib/ai/local-embeddings.ts';
import { createJobEndings } from '../lib/alerts/endings.ts';
import { createCompute } from '../lib/analysis/pool.ts';
import { systemClock } from '../lib/clock.ts';
import type { Config } from '../lib/config.ts';
import type { QueueName } from '../lib/jobs/define.ts';
import { readyKinds, readyQueueNames, rowTableOf } from '../lib/jobs/index.ts';
import type { Service } from '../lib/lifecycle.ts';
import type { Logger } from '../lib/log.ts';
import type { Quota } from '../lib/mail/contract.ts';
import { countLookups } from '../lib/metrics/caches.ts';
import { createMetrics, type Metrics } from '../lib/metrics/index.ts';
import { createMarkCancelled } from '../lib/queue/cancel-flag.ts';
import { createCancelWatch } from '../lib/queue/cancel-watch.ts';
import { createFailureRecorder } from '../lib/queue/dead-letters.ts';
import { createEnqueue } from '../lib/queue/enqueue.ts';
import { createCaps } from '../lib/queue/fair/caps.ts';
import { createOldestThatWait, createPulse } from '../lib/queue/pulse.ts';
import { createReconciler } from '../lib/queue/reconciler.ts';
import { createRunner } from '../lib/queue/runner.ts';
import { createActiveRuns } from '../lib/queue/runs.ts';
import { createQueueService, type OwnQueueService } from '../lib/queue/service.ts';
import { createQueueWorkers } from '../lib/queue/worker.ts';
import { createHints } from '../lib/relay/hints.ts';
import { createRefuse } from '../lib/relay/refuse.ts';
import { createRelay, type Relay } from '../lib/relay/relay.ts';
import { createRowBackedJobs } from '../lib/relay/rows.ts';
import { createSweep } from '../lib/relay/sweep.ts';
import type { SourceWatches } from '../lib/sources/watches.ts';
import { type FindProcessor, loadProcessors, type WorkerDeps } from '../workers/index.ts';
import { type AlertParts, createAlertParts } from './alerts.ts';
import { type BriefParts, createBriefs } from './briefs.ts';
import type { Connections } from './connections.ts';
import { createDocumentReader } from './documents.ts';
import { createMail, watchNewAccount } from './mail.ts';
import { createOAuth, type OAuthParts } from './oauth.ts';
import { createSilence, type Silence } from './silence.ts';
import { createSources, resumeSources } from './sources.ts';
import { createStatusReport } from './status.ts';
import { createStorage } from './storage.ts';
import { createWorkerHttp } from './worker-http.ts';

/** What the local provider does, by prompt; loaded with the first call. */
const localTasks: LocalTasks = {
  'story-enhancement': async () => (await import('../lib/scoring/local-task.ts')).default,
  'review-reply': async () => (await import('../lib/reviews/local-reply.ts')).default,
  'review-processing': async () => (await import('../lib/reviews/local-processing.ts')).default,
  'review-sentiment': async () => (await import('../lib/reviews/local-sentiment.ts')).default,
  'prompt-analysis': async () => (await import('../lib/reviews/local-prompt.ts')).default,
  'daily-brief': async () => (await import('../lib/briefs/local-task.ts')).default,
  'theme-naming': async () => (await import('../lib/analysis/text/local-naming.ts')).default,
  'document-summary': async () => (await import('../lib/documents/summarize/local.ts')).extractSummary,
  'document-notes': async () => (await import('../lib/documents/summarize/local.ts')).extractNotes,
  'document-digest': async () => (await import('../lib/documents/summarize/local.ts')).extractDigest,
  'document-risks': async () => (await import('../lib/documents/risks/local.ts')).default,
  'email-sentiment': async () => (await import('../lib/emails/local-sentiment.ts')).default,
  'email-blocker': async () => (await import('../lib/emails/local-blocker.ts')).default,
  'document-class': async () => (await import('../lib/documents/classify/local.ts')).default,
};

/** Shared by the worker and the API of one process. */
export interface Core {
  config: Config;
  connections: Connections;
  log: Logger;
  queue: OwnQueueService;
  /** Moves what was asked for in the database; start it with `createRelayServices`. */
  relay: Relay;
  ai: AiService;
  alerts: AlertParts;
  /** Connected accounts. */
  oauth: OAuthParts;
  briefs: BriefParts;
  /** Watches at the providers of sources. */
  sourceWatches: SourceWatches;
  metrics: Metrics;
  /** Broken when the worker of this process fetches nothing any more. */
  silence: Silence;
  /** Handed to every processor. */
  workerDeps: WorkerDeps;
  /** The processors of this version, loaded when first needed. */
  processors(): Promise<FindProcessor>;
}

export interface CoreOptions {
  /** Of each Gmail account. Default: that of `GMAIL_QUOTA`. */
  gmailQuota?: Quota;
}

export function createCore(config: Config, connections: Connections, log: Logger, options: CoreOptions = {}): Core {
  const { backend, tracer } = connections;
  const db = countLookups(connections.db, (lookup) => metrics.cacheLookup(lookup));
  const watchMailbox = watchNewAccount(config.google, () => mail, db, log);
  const alerts = createAlertParts(config, db, log);
  const oauth = createOAuth(config, { backend, db, alerts }, log, async (account) => {
    await resumeSources(account, { db, poke });
    await watchMailbox(account);
  });
  const mail = createMail({ google: config.google, accounts: oauth.accounts, quota: options.gmailQuota }, connections);
  const briefs = createBriefs(config, connections, log);
  const storage = createStorage(config, connections);
  const poke = (): void => relay.poke();
  const sources = createSources({ config, accounts: oauth.accounts, mailboxes: mail.mailboxes, storage, poke, log }, connections);
  const workerDeps: WorkerDeps = {
    db,
    clock: systemClock,
    compute: createCompute(),
    sampleLimit: config.analysis.sampleLimit,
    mail,
    storage,
    reader: createDocumentReader(),
    documentLimitBytes: config.api.documentLimitBytes,
    briefs: briefs.deps,
    sync: sources.sync,
  };
  let loaded: Promise<FindProcessor> | undefined;
  const processors = (): Promise<FindProcessor> => {
    loaded ??= loadProcessors(readyQueueNames);
    return loaded;
  };
  const settings = (name: QueueName) => config.queues[name];
  const { check } = createEnqueue({ backend, settings, clock: systemClock });
  const queue = createQueueService({
    backend,
    settings,
    clock: systemClock,
    tracer,
    rows: createRowBackedJobs({ db, check, poke }),
    endRow: async (job, reason) => {
      const processor = (await processors())(job.queue, job.name);
      if (processor && typeof processor !== 'function')
        await processor.end(job.payload, { outcome: 'cancelled', error: reason, job: { id: job.id, run: 1 } }, workerDeps);
    },
  });
  const relay = createRelay({
    outbox: db.outbox,
    ready: () => backend.ready(RELAY_READY_WITHIN_MS),
    send: queue.sendEntries,
    refuse: createRefuse(db),
    kinds: readyKinds,
    pollIntervalMs: config.worker.pollIntervalMs,
    log,
    onMoved: (moved) => metrics.moved(moved),
  });
  const metrics = createMetrics({
    facts: queue.facts,
    store: backend,
    outbox: () => db.outbox.backlogByQueue(readyKinds),
    lastPoll: queue.lastPoll,
    spentTodayUsd: () => db.ai.spentTodayUsd(systemClock.now()),
    dailyBudgetUsd: config.ai.dailyBudgetUsd,
    log,
  });
  const ai = createAi({
    options: config.ai,
    limits: backend.store,
    ledger: db.ai,
    localTasks,
    localEmbeddings: createLocalEmbeddings(),
    clock: systemClock,
    log,
    ...(tracer ? { tracer } : {}),
    onCall: metrics.aiCall,
  });
  return {
    config,
    connections,
    log,
    queue,
    relay,
    ai,
    alerts,
    oauth,
    briefs,
    sourceWatches: sources.watches,
    metrics,
    silence: createSilence(),
    workerDeps,
    processors,
  };
}

const RELAY_READY_WITHIN_MS = 2_000;

/** What every process with a database does besides: rows to queues, lost jobs found. Once per process. */
export function createRelayServices({ config, connections: { backend, db }, relay, log }: Core): Service[] {
  const { sweepIntervalMs } = config.worker;
  const { hintsDatabaseUrl } = config;
  const tables = readyQueueNames.flatMap((queue) => {
    const table = rowTableOf(queue);
    return table ? [{ queue, table }] : [];
  });
  const sweep = createSweep({
    backend,
    db,
    tables,
    intervalMs: sweepIntervalMs,
    poke: relay.poke,
    clock: systemClock,
    log,
  });
  const hints = hintsDatabaseUrl ? [createHints({ databaseUrl: hintsDatabaseUrl, onHint: relay.poke, log })] : [];
  return [relay, ...hints, sweep];
}

const capsOf = ({ config, connections, log }: Core) =>
  createCaps({
    backend: connections.backend,
    maxPerKey: (name) => config.queues[name].maxPerKey,
    leaseMs: config.worker.lockDurationMs,
    clock: systemClock,
    log,
  });

/** The services of a worker, in the order they start; they stop in reverse. */
export async function createWorkerServices(core: Core): Promise<Service[]> {
  const { config, connections, log, queue, ai, briefs, metrics, workerDeps: deps } = core;
  const { backend, db } = connections;
  const queues = config.worker.queues.filter((name) => readyQueueNames.includes(name));
  const processor = await loadProcessors(queues);
  const runs = createActiveRuns();
  const failures = createFailureRecorder({
    sink: db.failedJobs,
    processor,
    deps,
    markCancelled: createMarkCancelled(backend.store),
    onFailed: metrics.failed,
    log,
  });
  const endings = createJobEndings({ book: db.alerts, log });
  const runner = createRunner({
    processor,
    deps,
    ai,
    timeoutMs: (name) => config.queues[name].timeoutMs,
    failures,
    runs,
    clock: systemClock,
    log,
    tracer: connections.tracer,
    onAttempt: (report) => {
      metrics.attempt(report);
      if (report.outcome === 'done') endings.completed(report.queue);
    },
    onStart: metrics.started,
    ...(queues.some((name) => config.queues[name].maxPerKey > 0) ? { caps: capsOf(core) } : {}),
  });
  const served = queues.map((name) => ({ queue: name, concurrency: config.queues[name].concurrency, maxActive: config.queues[name].maxActive }));
  const pulse = createPulse({
    queues: served,
    oldestThatWait: createOldestThatWait(backend, systemClock),
    silentAfterMs: config.worker.silentAfterMs,
    onSilent: core.silence.tell,
    clock: systemClock,
    log,
  });
  metrics.watchPulse(pulse.queues);
  const workers = createQueueWorkers({
    backend,
    queues: served,
    runner,
    runs,
    pulse,
    onStalled: metrics.stalled,
    failures,
    clock: systemClock,
    log,
    workerId: config.worker.id,
    lockDurationMs: config.worker.lockDurationMs,
    stalledIntervalMs: config.worker.stalledIntervalMs,
  });
  return [
    // Before the workers, so that they stop after them.
    threads(deps.compute, deps.reader, ai),
    briefs.sender,
    endings,
    // Jobs can be cancelled while a shutdown waits for them.
    createCancelWatch({ store: backend.store, runs, log }),
    workers,
    pulse,
    createReconciler({ backend, queues, sink: db.failedJobs, failures, intervalMs: config.worker.sweepIntervalMs, log }),
    createStatusReport({ queues, stats: queue.stats, isRunning: workers.isRunning, log }),
    ...(config.worker.port > 0 ? [createWorkerHttp(core, { port: config.worker.port, isRunning: workers.isRunning })] : []),
  ];
}

/** Made when they are needed; ended with the worker. */
function threads(...owners: readonly { close(): Promise<void> }[]): Service {
  const stop = async (): Promise<void> => {
    await Promise.all(owners.map((owner) => owner.close()));
  };
  return { name: 'threads', start: async () => undefined, stop };
}
