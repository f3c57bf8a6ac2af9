/** Faults on command. */
import { type Reply, refuse } from './http.ts';
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
  /** The next API calls (not those for tokens) end in the middle of their answer. */
  cutNext(times?: number): void;
  /** The next API calls are answered with this status. */
  failNext(status: number, options?: { times?: number; retryAfterSeconds?: number; reason?: string }): void;
  /** Calls for single messages fail, within batches and alone. */
  failParts(fault: PartFault): void;
  /** None of them any more. */
  clear(): void;
}

export interface ActiveFaults extends Faults {
  takeCut(): boolean;
  takeFailure(): Reply | undefined;
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
  let cuts = 0;
  let failures: Reply[] = [];
  let partFaults: (PartFault & { left: number })[] = [];

  function hits({ which }: PartFault, messageId: string): boolean {
    return typeof which === 'number' ? random() < which : which.includes(messageId);
  }
  return {
    latencyMs: 0,
    tokensDown: false,
    shuffle: true,
    cutNext(times = 1) {
      cuts += times;
    },
    failNext(status, { times = 1, retryAfterSeconds, reason } = {}) {
      const reply = failure(status, reason, retryAfterSeconds);
      failures.push(...Array.from({ length: times }, () => reply));
    },
    failParts(fault) {
      partFaults.push({ ...fault, left: fault.times ?? Number.POSITIVE_INFINITY });
    },
    clear() {
      cuts = 0;
      failures = [];
      partFaults = [];
      Object.assign(this, { latencyMs: 0, tokensDown: false });
    },
    takeCut() {
      if (cuts === 0) return false;
      cuts -= 1;
      return true;
    },
    takeFailure: () => failures.shift(),
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

function failure(status: number, reason = REASONS[status] ?? 'backendError', retryAfterSeconds?: number): Reply {
  const headers: Record<string, string> = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  const domain = /limit/i.test(reason) ? 'usageLimits' : 'global';
  return refuse(status, { message: `Made to fail: ${reason}`, reason, domain, headers });
}
