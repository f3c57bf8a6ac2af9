import type { Page } from './types.ts';

export interface Schedule {
  id: string;
  /** Null: each active deal. */
  dealId: string | null;
  /** `daily-brief`: further times of it; `report`: one of its own. */
  kind: 'daily-brief' | 'report';
  /** The report's name; null for a daily brief. */
  report: string | null;
  title: string | null;
  /** Five fields. */
  cron: string;
  /** IANA name; null: the deal's, else `TIMEZONE`. */
  timeZone: string | null;
  /** Of its deal; null where the deal has none of its own, or there is no one deal. */
  dealTimeZone: string | null;
  enabled: boolean;
  createdBy: string | null;
  createdAt: string;
  updatedAt: string;
}

export type NewSchedule = Pick<Schedule, 'dealId' | 'kind' | 'report' | 'title' | 'cron' | 'timeZone' | 'enabled'>;
export type ScheduleChanges = { [field in 'title' | 'cron' | 'timeZone' | 'enabled']?: Schedule[field] | undefined };

/** `asked`, `skipped` (missed, and not caught up). */
export interface ScheduleRun {
  scheduleKey: string;
  dealId: string;
  dueAt: string;
  outcome: string;
  /** Handled more than five minutes after it was due. */
  late: boolean;
  /** Of the brief that was asked for. */
  jobId: string | null;
}

/** As the service role, or as a signed-in user. */
export interface SchedulesTable {
  /** With `userId` only of a deal that user sees. */
  get(id: string, userId?: string): Promise<Schedule | undefined>;
  /** Newest first; with `userId` those of the deals that user sees. */
  list(options: { limit: number; cursor?: string; dealId?: string; userId?: string }): Promise<Page<Schedule>>;
  /** The latest due times first. */
  runs(scheduleKey: string, limit: number): Promise<ScheduleRun[]>;
}

/** What holds where a deal says nothing of its own. */
export interface BriefDefaults {
  cron: string;
  timeZone: string;
}

/** Deals or schedules with the same cron expression and time zone. */
export interface ScheduleGroup {
  kind: 'brief' | 'schedule';
  cron: string;
  timeZone: string;
}

export interface ScheduleLook {
  now: string;
  /** Due times until then were handled, by any scheduler; null: never yet. */
  lookedAt: string | null;
  groups: ScheduleGroup[];
}

export interface RunsToStart extends ScheduleGroup {
  dueAt: string;
  /** The local date of `dueAt`. */
  date: string;
  outcome: 'asked' | 'skipped';
  late: boolean;
  /** Most deals of one call. */
  limit: number;
}

export interface BriefAsked {
  dealId: string;
  date: string;
  jobId: string;
  /** Null when it has left the outbox. */
  outboxId: number | null;
  /** One that was asked for by hand before is still unfinished: this is it. */
  deduplicated: boolean;
}

/** What schedulers and those who ask for briefs do, as the service role. `now` stands for the database's clock where it is given. */
export interface ScheduleBook {
  /** For a user only of a deal that the user sees. Throws `NotFoundError` (Deal). */
  create(schedule: NewSchedule, userId: string | null): Promise<Schedule>;
  /** Undefined where there is none, or the user does not see it. */
  change(id: string, changes: ScheduleChanges, userId: string | null): Promise<Schedule | undefined>;
  remove(id: string, userId: string | null): Promise<boolean>;

  look(defaults: BriefDefaults, now?: string): Promise<ScheduleLook>;
  /** Each due time of a deal and schedule starts once. `found` is `limit` where there may be more. */
  start(runs: RunsToStart, defaults: BriefDefaults): Promise<{ found: number; started: number }>;
  /** Resolves to since when an alert had told that no scheduler was seen; undefined when none had. */
  lookedUntil(now: string): Promise<string | undefined>;
  startChore(key: string, dueAt: string, run: string): Promise<boolean>;
  endChore(key: string, dueAt: string, run: string, outcome: 'done' | 'failed' | 'busy', error?: string): Promise<boolean>;
  /** Ended work and expired states older than that; most of each kind. */
  cleanUp(keepMs: number, limit: number, now?: string): Promise<{ runs: number; steps: number; states: number }>;

  /** Of the active deals that are meant, null where `TIMEZONE` holds. Undefined: no such deal, or the user does not see it. */
  zones(asked: { dealId?: string | undefined; userId?: string | undefined }): Promise<(string | null)[] | undefined>;
  /** In the order of the deals' ids. `dates`: today by time zone, `''` for `TIMEZONE`; `suffix` ends the ids of the jobs. */
  askForBriefs(asked: {
    dealId?: string | undefined;
    userId?: string | undefined;
    date?: string | undefined;
    dates: Readonly<Record<string, string>>;
    suffix: string;
    after?: string | undefined;
    limit: number;
    correlationId?: string | undefined;
  }): Promise<BriefAsked[]>;
}
