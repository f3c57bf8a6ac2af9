import { Queue, QueueEvents, RedisConnection, Worker } from 'bullmq';
import { Cluster, type Command } from 'ioredis';
import { messageOf, UnavailableError } from '../../errors.ts';
import type { QueueName } from '../../jobs/define.ts';
import { deadlineIn, within } from '../../lifecycle.ts';
import { type Logger, silentLogger } from '../../log.ts';
import type { QueueBackend, QueueTelemetry } from '../backend.ts';
import { createRedisFair } from '../fair/redis.ts';
import type { ShareOptions } from '../fair/types.ts';
import { createRedisStore } from '../store/redis.ts';
import { readFromStart } from './events-cursor.ts';
import { createOutageLog } from './outage-log.ts';
import { checkRedis, MINIMUM_REDIS_VERSION } from './redis-check.ts';
import { isAnswer, openCommandClient, openWorkerClient, type RedisClient, type RedisTarget } from './redis-connection.ts';
import { createRedisLook, readRedisMemory } from './redis-look.ts';

/**
 * Two clients per process, each opened at first use: one for commands, which fails fast, and one for workers and events,
 * which waits outages out and which BullMQ duplicates for every blocking reader.
 */
export interface RedisBackendOptions {
  connection: RedisTarget;
  /** First part of every key, so that several installations can share a Redis. Default `bull`. */
  prefix?: string;
  /**
   * How long a command may go unanswered: a `producer` gives up after 1.5 s, because its caller was promised an answer within 2 s;
   * a `worker` after 10 s, because its event loop may be busy with a job meanwhile.
   */
  role: 'producer' | 'worker';
  log?: Logger;
  sharing?: ShareOptions;
  /** Traces of workers' jobs. */
  telemetry?: QueueTelemetry | undefined;
}

const LIMITS = {
  producer: { connectTimeoutMs: 1_500, commandTimeoutMs: 1_500 },
  worker: { connectTimeoutMs: 5_000, commandTimeoutMs: 10_000 },
} as const;
const CLOSE_MS = 3_000;

export function createRedisBackend(options: RedisBackendOptions): QueueBackend {
  const log = options.log ?? silentLogger;
  const outage = createOutageLog('Redis', log);
  const prefix = options.prefix ?? 'bull';
  const traces = options.telemetry ? { telemetry: options.telemetry } : {};
  // The tag makes all keys of one queue land in one slot of a cluster, and different queues in different ones.
  const tagged = (name: QueueName) => `{${prefix}:${name}}`;
  // Hivepulse refuses older servers at boot; unless told, BullMQ would take the slow ways it has for version 5 wherever it skips the check.
  RedisConnection.minimumVersion = MINIMUM_REDIS_VERSION;

  const lost = new WeakSet<object>();
  const commands = once(() => watch(rememberLost(openCommandClient(options.connection, LIMITS[options.role]), lost)));
  const readers = new Set<RedisClient>();
  const blocking = once(() => watch(rememberDuplicates(openWorkerClient(options.connection), addReader)));
  const queues = new Map<QueueName, Queue>();
  const events = new Map<QueueName, QueueEvents>();
  const workers = new Set<Worker>();
  let closed: Promise<void> | undefined;

  function addReader(reader: RedisClient): void {
    reader.on('error', outage.failed);
    reader.once('end', () => readers.delete(reader));
    readers.add(reader);
  }

  function watch(client: RedisClient): RedisClient {
    // Every call that waits for a connection listens on it: during an outage that is any number. (BullMQ adds to the limit: 0 would become 3.)
    client.setMaxListeners(Number.POSITIVE_INFINITY);
    return client.on('error', outage.failed).on('ready', outage.recovered);
  }

  const isConnectionError = (error: unknown): boolean => (typeof error === 'object' && error !== null && lost.has(error)) || hasNetworkCode(error);

  function onError(source: string): (error: Error) => void {
    return (error) => {
      if (closed) return;
      // What workers report while a connection of theirs is away is part of that outage.
      const away = [blocking(), ...readers].some(({ status }) => status !== 'ready');
      if (away || isConnectionError(error)) outage.failed(error);
      else log.error({ error: messageOf(error) }, `${source} reported an error`);
    };
  }

  function queue(name: QueueName): Queue {
    const existing = queues.get(name);
    if (existing) return existing;
    // Both skips keep BullMQ from waiting for a connection by itself: a job held back there would be sent long after its caller was told "not sent".
    const created = new Queue(name, { connection: commands(), prefix: tagged(name), skipWaitingForReady: true, skipVersionCheck: true });
    created.on('error', outage.failed);
    queues.set(name, created);
    return created;
  }

  function openEvents(name: QueueName): QueueEvents {
    const existing = events.get(name);
    if (existing) return existing;
    const created = new QueueEvents(name, { connection: blocking(), prefix: tagged(name), autorun: false });
    created.on('error', onError(`events of ${name}`));
    readFromStart(created, async () => (await blocking().xrevrange(created.toKey('events'), '+', '-', 'COUNT', 1))[0]?.[0] ?? '0-0');
    events.set(name, created);
    return created;
  }

  async function closeAll(): Promise<void> {
    const away = [commands, blocking].some((client) => client.opened() && client().status !== 'ready');
    // Running jobs are the shutdown's business, which comes before; without Redis a polite goodbye would wait for its return.
    const goodbyes = [...[...workers].map((worker) => worker.close(true)), ...[...events.values(), ...queues.values()].map((each) => each.close())];
    await within(Promise.allSettled(goodbyes), deadlineIn(away ? 200 : CLOSE_MS), undefined);
    const clients = [commands, blocking].flatMap((client) => (client.opened() ? [client()] : []));
    for (const client of [...clients, ...readers]) client.disconnect();
  }

  const backend: QueueBackend = {
    kind: 'redis',
    queue,
    events: openEvents,
    worker(name, process, workerOptions) {
      const created = new Worker(name, process, { ...workerOptions, ...traces, connection: blocking(), prefix: tagged(name), autorun: false });
      created.on('error', onError(`worker of ${name}`));
      created.on('closed', () => workers.delete(created));
      workers.add(created);
      return created;
    },
    store: createRedisStore({ client: commands, prefix }),
    fair: createRedisFair({ client: commands, queue, tag: tagged, ...(options.sharing ? { sharing: options.sharing } : {}) }),
    look: createRedisLook({ client: commands, queue, sharing: options.sharing }),
    size: () => readRedisMemory(commands()),
    ready: (timeoutMs) => waitUntilReady(commands(), timeoutMs),
    ping: async () => {
      await commands().ping();
    },
    check: () => checkRedis(commands()),
    isConnectionError,
    close() {
      closed ??= closeAll();
      return closed;
    },
  };
  return backend;
}

interface Once<T> {
  (): T;
  opened(): boolean;
}

function once<T>(make: () => T): Once<T> {
  let made: { value: T } | undefined;
  const get = () => {
    made ??= { value: make() };
    return made.value;
  };
  return Object.assign(get, { opened: () => made !== undefined });
}

/** BullMQ makes its blocking readers by duplicating a client; they are kept here, to be watched and, when Redis is away, closed. */
function rememberDuplicates(client: RedisClient, seen: (duplicate: RedisClient) => void): RedisClient {
  const seam = client as { duplicate(...options: unknown[]): RedisClient };
  const duplicate = seam.duplicate.bind(client);
  seam.duplicate = (...options) => {
    const made = duplicate(...options);
    seen(made);
    return made;
  };
  return client;
}

/** ioredis reports a cut, a timeout and an offline client as bare `Error`s: what was no answer to the command is remembered here. */
function rememberLost(client: RedisClient, lost: WeakSet<object>): RedisClient {
  // One signature for both kinds of client: whatever follows the command is handed on as it came.
  const seam = client as { sendCommand(command: Command, ...rest: unknown[]): unknown };
  const send = seam.sendCommand.bind(client);
  seam.sendCommand = (command, ...rest) => {
    const { reject } = command;
    command.reject = (error) => {
      if (!isAnswer(error)) lost.add(error);
      reject(error);
    };
    return send(command, ...rest);
  };
  return client;
}

const NETWORK_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

function hasNetworkCode(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && NETWORK_CODES.has(error.code);
}

/** A socket that the server has just closed stays `ready` for a moment, and takes nothing any more. */
function canSend(client: RedisClient): boolean {
  return client.status === 'ready' && (client instanceof Cluster || client.stream.writable);
}

function waitUntilReady(client: RedisClient, timeoutMs: number): Promise<void> {
  if (canSend(client)) return Promise.resolve();
  if (client.status === 'end') return Promise.reject(new UnavailableError('The connection to Redis is closed'));
  return new Promise((resolve, reject) => {
    let last: unknown;
    const settle = (outcome: () => void) => {
      clearTimeout(timer);
      client.off('ready', onReady).off('end', onEnd).off('error', onError);
      outcome();
    };
    const onReady = () => settle(resolve);
    const onEnd = () => settle(() => reject(new UnavailableError('The connection to Redis is closed')));
    const onError = (error: unknown) => {
      last = error;
    };
    const timer = setTimeout(
      () => settle(() => reject(new UnavailableError(`Redis is not reachable (waited ${timeoutMs} ms)`, { cause: last }))),
      timeoutMs,
    );
    client.on('ready', onReady).on('end', onEnd).on('error', onError);
  });
}
