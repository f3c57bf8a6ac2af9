/** How a connector calls its provider: token, pauses, repetition and errors, the same for all. */

import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { type Clock, SECOND } from '../clock.ts';
import { PermanentError, RateLimitedError, UnavailableError } from '../errors.ts';
import type { Accounts } from '../oauth/contract.ts';
import { jittered, networkCode } from '../provider-failure.ts';
import type { Store } from '../queue/store/types.ts';
import type { Tracer } from '../telemetry/contract.ts';
import { providerCall } from '../telemetry/provider-call.ts';

/** Durations in milliseconds. */
export interface CallTimings {
  /** Longest wait for one answer. Default 30,000. */
  timeoutMs: number;
  /** A stream that brings nothing for so long has broken off. Default 30,000. */
  idleMs: number;
  /** A call waits so long for the end of a pause before it gives the job's place to another account. Default 5,000. */
  patienceMs: number;
  /** How often a call is repeated after 5xx or a broken connection. Default 3. */
  retries: number;
  /** Pause before the first repetition; doubles with each. Default 500. */
  retryMs: number;
  /** Pause of an account that is limited without a word of how long; doubles while it goes on. Default 2,000. */
  limitMs: number;
  /** Longest of these pauses. Default 60,000. */
  longestLimitMs: number;
  /** How long a look at the pauses that other processes were told to make holds. Default 250. */
  lookMs: number;
}

export const DEFAULT_CALL_TIMINGS: CallTimings = {
  timeoutMs: 30 * SECOND,
  idleMs: 30 * SECOND,
  patienceMs: 5 * SECOND,
  retries: 3,
  retryMs: SECOND / 2,
  limitMs: 2 * SECOND,
  longestLimitMs: 60 * SECOND,
  lookMs: SECOND / 4,
};

/** What a provider says of a call that did not succeed. Its sentences stay behind: they may name files or people. */
export interface CallFailure {
  status: number;
  /** The provider's own word; `unknown` where it has none. */
  reason: string;
  retryAfterMs: number | undefined;
  /** A pause of the whole account is asked for. */
  limited: boolean;
}

export interface Call<T> {
  /** For messages and logs, such as `files.list`. */
  method: string;
  /** What of the source's settings it was made from. */
  fields?: readonly string[];
  /** One request. `signal` ends it with the job, and when its time is up; once it has answered, no more. */
  send(token: string, signal: AbortSignal): Promise<T>;
}

export type Caller = (<T>(call: Call<T>) => Promise<T>) & { readonly calls: number };

export interface CallerDeps {
  connectionId: string;
  accounts: Accounts;
  store: Pick<Store, 'limitedUntil' | 'limit' | 'acquire' | 'release'>;
  clock: Clock;
  signal: AbortSignal;
  /** As people call it, such as `Google Drive`. */
  label: string;
  /** Under which all processes share the account's pauses. */
  limitKey: string;
  /** So many calls at a time, in all processes together. */
  slots?: number;
  /** Undefined: what was thrown is no answer of the provider's. */
  failureOf(error: unknown): CallFailure | undefined;
  /** What mends a refusal, for people; undefined: nothing better than the status is known. */
  advice?(failure: CallFailure, call: Pick<Call<unknown>, 'method' | 'fields'>): string | undefined;
  timings?: Partial<CallTimings> | undefined;
  tracer?: Tracer | undefined;
  /** 0 to 1; for tests. */
  random?: () => number;
}

/** A place that a dead process held is free after this. */
const SLOT_LEASE_MS = 2 * 60 * SECOND;
const SLOT_LOOK_MS = 40;
/** The one that this process knows, and the one that another has stored since, may both have ended; a third was issued a moment ago. */
const MOST_RENEWALS = 2;

/**
 * One call as often as it takes. Throws the signal's reason, `RateLimitedError`, `UnavailableError`, `PermanentError` (`forbidden`, `invalid_request`,
 * both with `details.status` and `details.reason`), and what `accounts` throws.
 */
export function createCaller(deps: CallerDeps): Caller {
  const { connectionId, accounts, store, clock, signal, limitKey, random = Math.random } = deps;
  const timings = { ...DEFAULT_CALL_TIMINGS, ...deps.timings };
  const pause = async (ms: number): Promise<void> => {
    await wait(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
  };
  let calls = 0;
  /** How often in a row the account was limited. */
  let limits = 0;
  let looked = Number.NEGATIVE_INFINITY;
  let limitedUntil = 0;

  async function pauseLeft(): Promise<number> {
    if (clock.monotonic() - looked >= timings.lookMs) {
      // Never back: a pause that was told meanwhile stays.
      limitedUntil = Math.max(await store.limitedUntil(limitKey), limitedUntil);
      looked = clock.monotonic();
    }
    return limitedUntil - clock.now();
  }

  async function admit(): Promise<void> {
    const until = clock.monotonic() + timings.patienceMs;
    for (;;) {
      signal.throwIfAborted();
      const leftMs = await pauseLeft();
      if (leftMs <= 0) return;
      if (clock.monotonic() + leftMs > until) throw new RateLimitedError(limitKey, Math.ceil(leftMs));
      await pause(leftMs + random() * timings.lookMs);
    }
  }

  async function limit({ retryAfterMs }: CallFailure): Promise<number> {
    // Calls that were under way together are told of the same limit: it has not gone on because of that.
    if (clock.now() >= limitedUntil) limits += 1;
    const backoffMs = Math.min(timings.longestLimitMs, timings.limitMs * 2 ** Math.max(0, limits - 1));
    const pauseMs = Math.ceil(retryAfterMs ?? jittered(backoffMs, random));
    limitedUntil = Math.max(limitedUntil, clock.now() + pauseMs);
    looked = clock.monotonic();
    await store.limit(limitKey, clock.now() + pauseMs);
    return pauseMs;
  }

  /** Once it is given, nobody waits for anything but the answer. */
  async function place(): Promise<() => Promise<void>> {
    if (deps.slots === undefined) {
      await admit();
      return async () => undefined;
    }
    const key = `${limitKey}:slots`;
    const holder = randomUUID();
    // Where it cannot be given back, the lease ends.
    const leave = () => store.release(key, holder).catch(() => undefined);
    for (;;) {
      await admit();
      if (await store.acquire(key, holder, { limit: deps.slots, leaseMs: SLOT_LEASE_MS })) return leave;
      await pause(jittered(2 * SLOT_LOOK_MS, random));
    }
  }

  async function attempt<T>(call: Call<T>, rejected: string | undefined): Promise<Attempt<T>> {
    const token = await accounts.accessToken(connectionId, { signal, ...(rejected === undefined ? {} : { rejected }) });
    const leave = await place();
    const deadline = deadlineOf(signal, timings.timeoutMs);
    try {
      calls += 1;
      const send = () => call.send(token, deadline.signal);
      return { outcome: 'done', value: await providerCall(deps.tracer, deps.label, call.method, send) };
    } catch (error) {
      signal.throwIfAborted();
      const failure = deps.failureOf(error);
      // Before the slot is given on: the next one is not to run into the same limit.
      if (failure) return { outcome: 'answered', failure, token, pauseMs: failure.limited ? await limit(failure) : 0 };
      // What the sender itself has judged.
      if (error instanceof PermanentError) throw error;
      return { outcome: 'broken', error, late: deadline.late() };
    } finally {
      deadline.end();
      await leave();
    }
  }

  async function run<T>(call: Call<T>): Promise<T> {
    let rejected: string | undefined;
    let renewals = 0;
    let limitedMs = 0;
    for (let repeated = 0; ; ) {
      const ended = await attempt(call, rejected);
      if (ended.outcome === 'done') {
        limits = 0;
        return ended.value;
      }
      if (ended.outcome === 'answered' && ended.failure.status === 401 && renewals < MOST_RENEWALS) {
        renewals += 1;
        rejected = ended.token;
        continue;
      }
      if (ended.outcome === 'answered' && ended.failure.limited) {
        limitedMs += ended.pauseMs;
        if (limitedMs > timings.patienceMs) throw new RateLimitedError(limitKey, ended.pauseMs);
        continue;
      }
      const passes = ended.outcome === 'broken' || ended.failure.status === 408 || ended.failure.status >= 500;
      if (!passes || repeated === timings.retries) throw errorOf(ended, call);
      const namedMs = ended.outcome === 'answered' ? (ended.failure.retryAfterMs ?? 0) : 0;
      if (ended.outcome === 'answered' && namedMs > timings.patienceMs) throw new RateLimitedError(limitKey, await limit(ended.failure));
      await pause(Math.max(namedMs, jittered(timings.retryMs * 2 ** repeated, random)));
      repeated += 1;
    }
  }

  function errorOf(ended: Failed, { method, fields }: Call<unknown>): Error {
    if (ended.outcome === 'broken') {
      if (ended.late)
        return new UnavailableError(`${deps.label} did not answer ${method} within ${timings.timeoutMs} ms`, {
          details: { method, reason: 'timeout' },
        });
      const reason = networkCode(ended.error);
      const told = `${deps.label} could not be reached or broke off its answer (${method}${reason ? `, ${reason}` : ''})`;
      return new UnavailableError(told, { details: { method, ...(reason ? { reason } : {}) } });
    }
    const { status, reason } = ended.failure;
    const details = { method, status, reason };
    if (status === 408 || status >= 500)
      return new UnavailableError(`${deps.label} is failing (${method}, status ${status}, ${reason})`, { details });
    const forbidden = status === 401 || status === 403;
    const advice =
      deps.advice?.(ended.failure, { method, ...(fields ? { fields } : {}) }) ?? (forbidden ? 'check what the account allows' : checkFields(fields));
    return new PermanentError(`${deps.label} refused ${method} (status ${status}, ${reason}): ${advice}`, {
      code: forbidden ? 'forbidden' : 'invalid_request',
      details,
    });
  }

  return Object.defineProperty(run, 'calls', { get: () => calls }) as Caller;
}

type Failed = { outcome: 'answered'; failure: CallFailure; token: string; pauseMs: number } | { outcome: 'broken'; error: unknown; late: boolean };
type Attempt<T> = { outcome: 'done'; value: T } | Failed;

function checkFields(fields: readonly string[] = []): string {
  if (fields.length === 0) return 'the request is not what it takes';
  return `check ${fields.map((field) => `\`${field}\``).join(' and ')} of the source`;
}

/** Ends with `signal`, or after `ms`; leaves nothing behind on `signal`, which thousands of calls share. */
function deadlineOf(signal: AbortSignal, ms: number): { signal: AbortSignal; late(): boolean; end(): void } {
  const controller = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    controller.abort(new DOMException('No answer in time', 'TimeoutError'));
  }, ms);
  const leave = (): void => controller.abort(signal.reason);
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  return {
    signal: controller.signal,
    late: () => late,
    end: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    },
  };
}

/** A stream that stands still for `idleMs`, or breaks off, throws `UnavailableError`; the job's own end throws the signal's reason. */
export async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  { label, idleMs = DEFAULT_CALL_TIMINGS.idleMs, signal, end }: { label: string; idleMs?: number | undefined; signal: AbortSignal; end?: () => void },
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await next(iterator, idleMs, signal);
      if (done) return;
      yield value;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UnavailableError) throw error;
    const reason = networkCode(error);
    throw new UnavailableError(`${label} broke off a file${reason ? ` (${reason})` : ''}`, { details: { ...(reason ? { reason } : {}) } });
  } finally {
    end?.();
    // Not waited for: behind a read that never ends it would not end either.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }

  async function next(from: AsyncIterator<Uint8Array>, ms: number, aborted: AbortSignal): Promise<IteratorResult<Uint8Array>> {
    const still = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => still.reject(new UnavailableError(`${label} sent nothing of a file for ${ms} ms`, { details: { reason: 'timeout' } })),
      ms,
    );
    const leave = (): void => still.reject(aborted.reason);
    aborted.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([from.next(), still.promise]);
    } finally {
      clearTimeout(timer);
      aborted.removeEventListener('abort', leave);
    }
  }
}
