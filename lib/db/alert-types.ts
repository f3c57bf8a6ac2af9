export const ALERT_KINDS = [
  'jobs_waiting',
  'jobs_old',
  'failure_rate',
  'job_failed',
  'spend_cap',
  'reauth_required',
  'schedule_missed',
  'scheduler_missing',
  'worker_missing',
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

/** Never with tokens, payloads or bodies. */
export type AlertDetails = Readonly<Record<string, string | number | null>>;

/** One look at one subject. Durations in milliseconds. */
export interface AlertObservation {
  kind: AlertKind;
  /** For example a queue; empty where there is only one. */
  subject?: string;
  /** Whether the trouble is there. */
  firing: boolean;
  /** Told at once when it grows. Default 0. */
  level?: number;
  details?: AlertDetails;
  /** Seen for so long before it is told. Default 0. */
  holdMs?: number;
  /** Not seen for so long before it is over. Default 0. */
  settleMs?: number;
  /** Told again after so long while it goes on. Absent: never. */
  coolDownMs?: number;
  /** Its end is not told. */
  quiet?: boolean;
}

/** What is to be told. */
export interface AlertMessage {
  /** Grows from message to message. */
  id: number;
  /** A later version's may be unknown here. */
  kind: AlertKind | (string & {});
  subject: string;
  /** `still`: told before, and it goes on. */
  phase: 'firing' | 'still' | 'over';
  level: number;
  since: string;
  at: string;
  /** How often it was seen since it was told last. */
  count: number;
  /** … and since it began. */
  total: number;
  details: AlertDetails;
}

export type AlertTargetName = 'webhook' | 'mail';

/** What became of one try. The error is shown: no address, no password. */
export type AlertSent = { outcome: 'sent' } | { outcome: 'failed'; error: string } | { outcome: 'again'; error: string; retryMs: number };

/** Alerts as they stand in the database, as the service role. `now` stands for the database's clock where it is given. */
export interface AlertBook {
  /** Resolves to what is new, stored to be sent. */
  observe(observations: readonly AlertObservation[], now?: string): Promise<AlertMessage[]>;
  /** Counts dead letters that nobody has counted yet, `limit` at most, by what failed. */
  observeFailedJobs(options: { coolDownMs: number; limit: number }, now?: string): Promise<{ counted: number; told: AlertMessage[] }>;
  /** Whether a scheduler has looked within `afterMs`. */
  watchSchedulers(options: { afterMs: number; coolDownMs: number }, now?: string): Promise<AlertMessage[]>;
  /** Of due times that were missed and not caught up; whoever comes first tells. */
  tellMissed(options: { coolDownMs: number }, now?: string): Promise<AlertMessage[]>;

  /** What is to be sent to `target` next, as one; nobody else gets it for `leaseMs`. */
  take(claim: string, target: AlertTargetName, leaseMs: number, now?: string): Promise<(AlertMessage & { attempt: number })[]>;
  /** Undefined: the lease was over, and another has it. */
  settle(claim: string, sent: AlertSent, now?: string): Promise<'pending' | 'sent' | 'failed' | undefined>;

  /** `report` names it: repeated, it counts once. */
  reportEndings(report: string, endings: readonly { queue: string; completed: number }[], now?: string): Promise<void>;
  /** Of the last `windowMs`, per queue; what was completed is reported `lagMs` late at most. */
  endings(options: { windowMs: number; lagMs: number }, now?: string): Promise<{ queue: string; completed: number; failed: number }[]>;
  /** Resolves to how many messages nobody could deliver within a day. */
  cleanUp(options: { coolDownMs: number; keepMs: number }, now?: string): Promise<number>;
}
