import type { StandInClock } from './clock.ts';

export interface QuotaOptions {
  /** Units that one account may spend in `perMs`: a bucket of this size that fills up again evenly. */
  units: number;
  perMs: number;
  costs: Costs;
  /** What a call beyond it is answered with. */
  status: 403 | 429;
  /** Name the time in a Retry-After header. */
  retryAfter: boolean;
}

export interface Costs {
  profile: number;
  labels: number;
  list: number;
  get: number;
  attachment: number;
  thread: number;
  history: number;
  watch: number;
  stop: number;
}

/** Of projects made since 2026-05-01. */
export const quota2026: QuotaOptions = {
  units: 6_000,
  perMs: 60_000,
  costs: { profile: 1, labels: 1, list: 5, get: 20, attachment: 20, thread: 40, history: 2, watch: 100, stop: 50 },
  status: 403,
  retryAfter: false,
};

export interface Quota {
  readonly options: QuotaOptions;
  change(options: Partial<QuotaOptions>): void;
  /** How long to wait where there is too little left. */
  spend(account: string, units: number): { ok: true } | { ok: false; waitMs: number };
  /** Most units that the account spent within any `perMs`, so far. */
  mostSpent(account: string): number;
  /** Units spent, and calls refused, so far. */
  total(account: string): { units: number; refused: number };
}

interface Bucket {
  level: number;
  at: number;
  window: { at: number; units: number }[];
  inWindow: number;
  most: number;
  units: number;
  refused: number;
}

export function createQuota(initial: QuotaOptions, clock: StandInClock): Quota {
  let options = initial;
  const buckets = new Map<string, Bucket>();
  const bucketOf = (account: string): Bucket => {
    const bucket = buckets.get(account) ?? { level: options.units, at: clock.monotonic(), window: [], inWindow: 0, most: 0, units: 0, refused: 0 };
    buckets.set(account, bucket);
    return bucket;
  };
  return {
    get options() {
      return options;
    },
    change(changes) {
      options = { ...options, ...changes };
      for (const bucket of buckets.values()) bucket.level = options.units;
    },
    spend(account, units) {
      const bucket = bucketOf(account);
      refill(bucket, options, clock.monotonic());
      if (bucket.level < units) {
        bucket.refused += 1;
        return { ok: false, waitMs: Math.ceil(((units - bucket.level) * options.perMs) / options.units) };
      }
      bucket.level -= units;
      remember(bucket, units, options.perMs);
      return { ok: true };
    },
    mostSpent: (account) => bucketOf(account).most,
    total: (account) => ({ units: bucketOf(account).units, refused: bucketOf(account).refused }),
  };
}

function refill(bucket: Bucket, { units, perMs }: QuotaOptions, now: number): void {
  bucket.level = Math.min(units, bucket.level + ((now - bucket.at) * units) / perMs);
  bucket.at = now;
}

function remember(bucket: Bucket, units: number, perMs: number): void {
  bucket.window.push({ at: bucket.at, units });
  bucket.inWindow += units;
  while (bucket.window[0] && bucket.window[0].at <= bucket.at - perMs) bucket.inWindow -= bucket.window.shift()?.units ?? 0;
  bucket.most = Math.max(bucket.most, bucket.inWindow);
  bucket.units += units;
}
