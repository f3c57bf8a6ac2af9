/** Faults on command. */
import type { MicrosoftFaults } from './contract.ts';
import { type Reply, refuse, type Service } from './http.ts';

export interface ActiveFaults extends MicrosoftFaults {
  takeCut(): boolean;
  takeFailure(service: Service): Reply | undefined;
  /** A call on a mailbox has begun; false where it is one too many. */
  enter(mailbox: string): boolean;
  leave(mailbox: string): void;
  /** Raised by `forgetDeltas`. */
  readonly generation: number;
}

interface Failure {
  status: number;
  retryAfterSeconds: number | undefined;
  code: string | undefined;
}

const CODES: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'InvalidAuthenticationToken',
  403: 'accessDenied',
  404: 'itemNotFound',
  409: 'conflict',
  410: 'resyncRequired',
  423: 'resourceLocked',
  500: 'generalException',
  502: 'BadGateway',
  503: 'serviceNotAvailable',
  504: 'timeout',
  507: 'insufficientStorage',
  509: 'bandwidthLimitExceeded',
};

const OUTLOOK_CODES: Readonly<Record<number, string>> = {
  403: 'ErrorAccessDenied',
  404: 'ErrorItemNotFound',
  410: 'SyncStateNotFound',
  429: 'ApplicationThrottled',
  500: 'ErrorInternalServerError',
  503: 'ErrorServerBusy',
};

const DEFAULT_CONCURRENCY = 4;

export function createFaults(): ActiveFaults {
  let cuts = 0;
  let failures: Failure[] = [];
  let storm = { left: 0, retryAfterSeconds: undefined as number | undefined };
  let generation = 1;
  let mostAtOnce = 0;
  const underWay = new Map<string, number>();

  function takeStorm(service: Service): Reply | undefined {
    if (storm.left === 0) return undefined;
    storm.left -= 1;
    return failure({ status: 429, retryAfterSeconds: storm.retryAfterSeconds, code: undefined }, service);
  }
  return {
    latencyMs: 0,
    mailboxConcurrency: DEFAULT_CONCURRENCY,
    tokensDown: false,
    get mostAtOnce() {
      return mostAtOnce;
    },
    get generation() {
      return generation;
    },
    failNext(status, { times = 1, retryAfterSeconds, code } = {}) {
      failures.push(...Array.from({ length: times }, () => ({ status, retryAfterSeconds, code })));
    },
    storm({ times, retryAfterSeconds }) {
      storm = { left: times, retryAfterSeconds };
    },
    cutNext(times = 1) {
      cuts += times;
    },
    forgetDeltas() {
      generation += 1;
    },
    clear() {
      cuts = 0;
      failures = [];
      storm = { left: 0, retryAfterSeconds: undefined };
      mostAtOnce = 0;
      Object.assign(this, { latencyMs: 0, tokensDown: false, mailboxConcurrency: DEFAULT_CONCURRENCY });
    },
    takeCut() {
      if (cuts === 0) return false;
      cuts -= 1;
      return true;
    },
    takeFailure(service) {
      const stormy = takeStorm(service);
      if (stormy) return stormy;
      const next = failures.shift();
      return next && failure(next, service);
    },
    enter(mailbox) {
      const now = (underWay.get(mailbox) ?? 0) + 1;
      underWay.set(mailbox, now);
      mostAtOnce = Math.max(mostAtOnce, now);
      return now <= this.mailboxConcurrency;
    },
    leave(mailbox) {
      underWay.set(mailbox, (underWay.get(mailbox) ?? 1) - 1);
    },
  };
}

function failure({ status, retryAfterSeconds, code }: Failure, service: Service): Reply {
  const headers: Record<string, string> = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  return refuse(status, { code: code ?? codeOf(status, service), message: 'Made to fail.', headers });
}

function codeOf(status: number, service: Service): string {
  if (service === 'outlook') return OUTLOOK_CODES[status] ?? CODES[status] ?? 'generalException';
  if (status === 429) return service === 'sharepoint' ? 'activityLimitReached' : 'TooManyRequests';
  return CODES[status] ?? 'generalException';
}

/** One call too many at the same time. */
export function tooManyAtOnce(): Reply {
  return refuse(429, {
    code: 'ApplicationThrottled',
    message: 'Application is over its MailboxConcurrency limit.',
    headers: { 'retry-after': '1' },
  });
}
