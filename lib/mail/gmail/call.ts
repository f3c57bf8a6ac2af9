import type { Accounts } from '../../oauth/contract.ts';
import { jittered } from '../../provider-failure.ts';
import type { Tracer } from '../../telemetry/contract.ts';
import { providerCall } from '../../telemetry/provider-call.ts';
import type { GmailClient } from './client.ts';
import { type Asked, failing, refused, timedOut, unreachable } from './errors.ts';
import { type Failure, isLimited, type LimitNotice, mayPass, readFailure } from './failure.ts';
import { type Pace, type PaceDeps, pauseFor } from './pace.ts';

export interface CallerDeps extends Pick<PaceDeps, 'clock' | 'timings' | 'pause' | 'random'> {
  connectionId: string;
  accounts: Accounts;
  pace: Pace;
  client: () => Promise<GmailClient>;
  signal: AbortSignal;
  tracer?: Tracer | undefined;
  /** Counts what is sent. */
  spent: { units: number; calls: number };
}

export interface Call<T> extends Asked {
  /** Quota units. */
  cost: number;
  /** Units that are to be spent after this call. */
  left?: number;
  timeoutMs?: number;
  /** A token that Google has refused a moment ago. */
  rejected?: string | undefined;
  /** One request. `signal` ends it with the job, and when its time is up. */
  send(client: GmailClient, signal: AbortSignal, token: string): Promise<T>;
  /** Says of an answer that succeeded as a whole whether Google wants a pause all the same. */
  limitIn?(value: T): LimitNotice | undefined;
}

export type Caller = <T>(call: Call<T>) => Promise<T>;

/** The token that this process knows, and the one that another has stored since, may both have ended; a third was issued a moment ago. */
export const MOST_RENEWALS = 2;

/**
 * One call as often as it takes: it waits for the account's quota, renews a refused token, and repeats what passes by itself. Throws the
 * signal's reason, `RateLimitedError`, `UnavailableError`, `PermanentError` (`forbidden`, `invalid_request`), and what `accounts` throws.
 */
export function createCaller(deps: CallerDeps): Caller {
  const { connectionId, accounts, pace, signal, timings, clock, spent, pause = pauseFor, random = Math.random } = deps;

  async function attempt<T>(call: Call<T>, rejected: string | undefined): Promise<Attempt<T>> {
    const client = await deps.client();
    const token = await accounts.accessToken(connectionId, { signal, ...(rejected === undefined ? {} : { rejected }) });
    // Last, so that what is paid for is sent at once: Google counts it when it arrives.
    await pace.admit(connectionId, call.cost, call.left ?? 0, signal);
    client.use(token);
    spent.units += call.cost;
    spent.calls += 1;
    const deadline = AbortSignal.timeout(call.timeoutMs ?? timings.timeoutMs);
    try {
      const send = () => call.send(client, AbortSignal.any([signal, deadline]), token);
      return { outcome: 'done', value: await providerCall(deps.tracer, 'Gmail', call.method, send) };
    } catch (error) {
      signal.throwIfAborted();
      const failure = failureOf(error, clock.now());
      return failure ? { outcome: 'answered', failure, token } : { outcome: 'broken', error, late: deadline.aborted };
    }
  }

  return async (call) => {
    let { rejected } = call;
    let renewals = 0;
    for (let repeated = 0; ; ) {
      const ended = await attempt(call, rejected);
      if (ended.outcome === 'done') {
        const notice = call.limitIn?.(ended.value);
        if (notice) await pace.limit(connectionId, notice);
        else pace.unlimited(connectionId);
        return ended.value;
      }
      if (ended.outcome === 'answered' && ended.failure.status === 401 && renewals < MOST_RENEWALS) {
        renewals += 1;
        rejected = ended.token;
        continue;
      }
      if (ended.outcome === 'answered' && isLimited(ended.failure)) throw await pace.limit(connectionId, ended.failure);
      if (!canPass(ended) || repeated === timings.retries) throw errorOf(ended, call, timings.timeoutMs);
      await pause(jittered(timings.retryMs * 2 ** repeated, random), signal);
      repeated += 1;
    }
  };
}

type Attempt<T> = { outcome: 'done'; value: T } | Failed;
type Failed = { outcome: 'answered'; failure: Failure; token: string } | { outcome: 'broken'; error: unknown; late: boolean };

const canPass = (ended: Failed): boolean => ended.outcome === 'broken' || mayPass(ended.failure);

function errorOf(ended: Failed, call: Call<unknown>, timeoutMs: number): Error {
  if (ended.outcome === 'broken') return ended.late ? timedOut(call.timeoutMs ?? timeoutMs, call) : unreachable(ended.error, call);
  return mayPass(ended.failure) ? failing(ended.failure, call) : refused(ended.failure, call);
}

/** Undefined for what is no answer of Google's. Of the client's error nothing else is kept: it holds the token and the answer. */
function failureOf(error: unknown, now: number): Failure | undefined {
  const response: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'response') : undefined;
  if (!isResponse(response) || response.status < 400) return undefined;
  return readFailure(response.status, response.headers, response.data, now);
}

function isResponse(value: unknown): value is { status: number; headers: Headers; data: unknown } {
  return typeof value === 'object' && value !== null && 'status' in value && typeof value.status === 'number' && 'headers' in value;
}
