import type { Quota } from '../contract.ts';

/** Google's regimes, as `GMAIL_QUOTA` names them: per user and minute, in units per method (developers.google.com/workspace/gmail/api/reference/quota). */
const REGIMES = {
  /** Google Cloud projects made since May 2026: 300 messages a minute. */
  '2026': { units: 6_000, perMs: 60_000, costs: { profile: 1, labels: 1, list: 5, history: 2, message: 20, watch: 100 } },
  /** Older projects: 3,000 messages a minute. */
  older: { units: 15_000, perMs: 60_000, costs: { profile: 1, labels: 1, list: 5, history: 2, message: 5, watch: 100 } },
} as const satisfies Record<string, Quota>;

export function quotaOf(regime: keyof typeof REGIMES): Quota {
  return REGIMES[regime];
}
