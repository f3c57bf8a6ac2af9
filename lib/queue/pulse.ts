import type { Queue } from 'bullmq';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { QueueName } from '../jobs/define.ts';
import { repeating, type Service } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import type { QueueBackend } from './backend.ts';

/**
 * Whether a worker still takes jobs. It is silent when, for `silentAfterMs`, a queue had jobs that could start and the worker had free places
 * there, and yet fetched none. Connections can be lost in ways that nobody is told of: then commands go on, and only the fetching has ended.
 */
export interface PulseDeps {
  queues: readonly { queue: QueueName; concurrency: number }[];
  /** See `createOldestThatWait`. Rejects when the queues are away. */
  oldestThatWait: (queues: readonly QueueName[]) => Promise<readonly (number | undefined)[]>;
  /** 0 = never silent. */
  silentAfterMs: number;
  /** Called once, with the queues. */
  onSilent: (queues: readonly QueueName[]) => void;
  clock: Clock;
  log: Logger;
}

export interface QueuePulse {
  queue: QueueName;
  /** Jobs that run here. */
  active: number;
  /** Places left here. */
  free: number;
  /** Since the last job was fetched, in ms; undefined = none yet. */
  sinceFetchMs: number | undefined;
}

export interface Pulse extends Service {
  /** A job was fetched and begins; call what is returned when it has ended. */
  begin(queue: QueueName): () => void;
  queues(): QueuePulse[];
  /** Queues from which nothing comes any more. Never gets shorter. */
  silent(): readonly QueueName[];
  /** False as soon as it is doubtful that jobs are fetched, long before the worker counts as silent. */
  polls(): boolean;
  runOnce(): Promise<void>;
}

interface Heart {
  queue: QueueName;
  concurrency: number;
  active: number;
  fetches: number;
  fetchedAt: number | undefined;
  /** `fetches` at the last look. */
  seen: number;
  /** Undefined while nothing is amiss. */
  quiet: Quiet | undefined;
}

/** Jobs wait for nothing but this worker. */
interface Quiet {
  forMs: number;
  /** How long the oldest of them has waited. A younger one may be on its way to a quicker worker. */
  oldestMs: number;
}

const LONGEST_INTERVAL_MS = 5_000;
const SHORTEST_INTERVAL_MS = 100;
const LOOKS = 5;
/** A worker that nobody tells of a job asks by itself after 6 s at the latest. */
const DOUBTFUL_AFTER_MS = 10_000;

export function createPulse(deps: PulseDeps): Pulse {
  const { clock, log, silentAfterMs } = deps;
  const intervalMs = Math.max(SHORTEST_INTERVAL_MS, Math.min(LONGEST_INTERVAL_MS, silentAfterMs / LOOKS));
  const hearts = new Map(deps.queues.map(({ queue, concurrency }): [QueueName, Heart] => [queue, newHeart(queue, concurrency)]));
  let silent: readonly QueueName[] = [];
  let lookedAt: number | undefined;

  function begin(queue: QueueName): () => void {
    const heart = hearts.get(queue);
    if (!heart) return () => undefined;
    heart.active += 1;
    heart.fetches += 1;
    heart.fetchedAt = clock.monotonic();
    return () => {
      heart.active -= 1;
    };
  }

  async function runOnce(): Promise<void> {
    if (silentAfterMs === 0 || silent.length > 0) return;
    const passedMs = passed();
    const fetches = [...hearts.values()].map((heart) => heart.fetches);
    const oldest = await askQueues([...hearts.values()].filter(mayFetch));
    for (const [index, heart] of [...hearts.values()].entries())
      note(heart, { passedMs, fetches: fetches[index] ?? 0, oldestMs: oldest.get(heart.queue) });
    silent = quietFor(silentAfterMs);
    if (silent.length === 0) return;
    log.error({ event: 'worker.silent', queues: silent, silentAfterMs }, 'jobs wait, places are free, and nothing is fetched: this worker ends');
    deps.onSilent(silent);
  }

  /** Time in which the event loop stood still is nobody's silence: it could not fetch anything. */
  function passed(): number {
    const now = clock.monotonic();
    const sinceLookMs = lookedAt === undefined ? 0 : now - lookedAt;
    lookedAt = now;
    return Math.min(sinceLookMs, 2 * intervalMs);
  }

  /** A queue that is away gives jobs to nobody: that is an outage, not silence. */
  async function askQueues(asked: readonly Heart[]): Promise<Map<QueueName, number | undefined>> {
    const queues = asked.map(({ queue }) => queue);
    const ages = queues.length === 0 ? [] : await deps.oldestThatWait(queues).catch(notAsked);
    return new Map(queues.map((queue, index) => [queue, ages[index]]));
  }

  function notAsked(error: unknown): [] {
    log.debug({ error: messageOf(error) }, 'queues not asked whether jobs wait');
    return [];
  }

  function quietFor(ms: number): QueueName[] {
    return [...hearts.values()].filter(({ quiet }) => quiet && Math.min(quiet.forMs, quiet.oldestMs) >= ms).map(({ queue }) => queue);
  }

  return {
    ...repeating('pulse', runOnce, intervalMs),
    begin,
    queues: () => [...hearts.values()].map((heart) => pulseOf(heart, clock.monotonic())),
    silent: () => silent,
    polls: () => silent.length === 0 && quietFor(DOUBTFUL_AFTER_MS).length === 0,
    runOnce,
  };
}

/** It had a free place and took nothing since the last look. */
function mayFetch({ fetches, seen, active, concurrency }: Heart): boolean {
  return fetches === seen && active < concurrency;
}

function note(heart: Heart, { passedMs, fetches, oldestMs }: { passedMs: number; fetches: number; oldestMs: number | undefined }): void {
  heart.seen = heart.fetches;
  // What was fetched while the queue was asked counts too.
  if (oldestMs === undefined || heart.fetches !== fetches) heart.quiet = undefined;
  else heart.quiet = { forMs: heart.quiet ? heart.quiet.forMs + passedMs : 0, oldestMs };
}

function newHeart(queue: QueueName, concurrency: number): Heart {
  return { queue, concurrency, active: 0, fetches: 0, fetchedAt: undefined, seen: 0, quiet: undefined };
}

function pulseOf({ queue, concurrency, active, fetchedAt }: Heart, now: number): QueuePulse {
  return { queue, active, free: Math.max(0, concurrency - active), sinceFetchMs: fetchedAt === undefined ? undefined : now - fetchedAt };
}

/**
 * For how long the oldest job of each queue could have started, in ms; undefined where no job waits for nothing but a worker: none is ready, the
 * queue is paused, or it runs as many as it may.
 */
export function createOldestThatWait(backend: Pick<QueueBackend, 'look' | 'queue'>, clock: Clock): PulseDeps['oldestThatWait'] {
  return async (queues) => {
    const now = clock.now();
    const looks = await backend.look(
      queues.map((queue) => ({ queue, kinds: 0 })),
      now,
    );
    return Promise.all(
      queues.map(async (name, index) => {
        const since = looks[index]?.oldestReadyAt;
        return since === undefined || (await isHeld(backend.queue(name))) ? undefined : now - since;
      }),
    );
  };
}

async function isHeld(queue: Queue): Promise<boolean> {
  const [paused, full] = await Promise.all([queue.isPaused(), queue.isMaxed()]);
  return paused || full;
}
