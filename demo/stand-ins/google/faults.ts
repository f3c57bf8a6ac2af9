/** Faults on command. */
import { type Reply, refuse } from './http.ts';
import type { Method } from './journal.ts';
import { createRandom } from './random.ts';

export interface PartFault {
  /** A share of the parts, 0 to 1, picked by the seed; or the ids of messages. */
  which: number | readonly string[];
  status: number;
  /** Google's word; by default what goes with the status. */
  reason?: string;
  retryAfterSeconds?: number;
  /** Parts that fail, at most; default all. */
  times?: number;
}

export interface Faults {
  /** Before each answer. */
  latencyMs: number;
  /** While true, the token endpoint answers 503. */
  tokensDown: boolean;
  /** Answer batches in another order than they were asked. */
  shuffle: boolean;
  /** The next API calls (not those for tokens) end in the middle of their answer. `only`: the next ones of that method. */
  cutNext(times?: number, options?: { only?: Method }): void;
  /** The next API calls are answered with this status. */
  failNext(status: number, options?: { times?: number; retryAfterSeconds?: number; reason?: string; only?: Method }): void;
  /** Calls for single messages fail, within batches and alone. */
  failParts(fault: PartFault): void;
  /** None of them any more. */
  clear(): void;
}

export interface ActiveFaults extends Faults {
  takeCut(method: Method): boolean;
  takeFailure(method: Method): Reply | undefined;
  takePartFailure(messageId: string): Reply | undefined;
  /** Another order now and then. */
  order<T>(parts: readonly T[]): T[];
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'invalidArgument',
  401: 'authError',
  403: 'rateLimitExceeded',
  404: 'notFound',
  429: 'rateLimitExceeded',
  500: 'backendError',
  503: 'backendError',
};

export function createFaults(seed: number): ActiveFaults {
  const random = createRandom(seed);
  let cuts: { only: Method | undefined }[] = [];
  let failures: { reply: Reply; only: Method | undefined }[] = [];
  let partFaults: (PartFault & { left: number })[] = [];

  function hits({ which }: PartFault, messageId: string): boolean {
    return typeof which === 'number' ? random() < which : which.includes(messageId);
  }
  return {
    latencyMs: 0,
    tokensDown: false,
    shuffle: true,
    cutNext(times = 1, { only } = {}) {
      cuts.push(...Array.from({ length: times }, () => ({ only })));
    },
    failNext(status, { times = 1, retryAfterSeconds, reason, only } = {}) {
      const reply = failure(status, reason, retryAfterSeconds);
      failures.push(...Array.from({ length: times }, () => ({ reply, only })));
    },
    failParts(fault) {
      partFaults.push({ ...fault, left: fault.times ?? Number.POSITIVE_INFINITY });
    },
    clear() {
      cuts = [];
      failures = [];
      partFaults = [];
      Object.assign(this, { latencyMs: 0, tokensDown: false });
    },
    takeCut: (method) => takeFirst(cuts, method) !== undefined,
    takeFailure: (method) => takeFirst(failures, method)?.reply,
    takePartFailure(messageId) {
      const fault = partFaults.find((one) => one.left > 0 && hits(one, messageId));
      if (!fault) return undefined;
      fault.left -= 1;
      return failure(fault.status, fault.reason, fault.retryAfterSeconds);
    },
    order(parts) {
      const ordered = [...parts];
      if (this.shuffle && random() < 0.5) ordered.reverse();
      return ordered;
    },
  };
}

/** The oldest that is for this method, or for all. */
function takeFirst<T extends { only: Method | undefined }>(faults: T[], method: Method): T | undefined {
  const at = faults.findIndex(({ only }) => only === undefined || only === method);
  return at < 0 ? undefined : faults.splice(at, 1)[0];
}

function failure(status: number, reason = REASONS[status] ?? 'backendError', retryAfterSeconds?: number): Reply {
  const headers: Record<string, string> = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  const domain = /limit/i.test(reason) ? 'usageLimits' : 'global';
  return refuse(status, { message: `Made to fail: ${reason}`, reason, domain, headers });
}
