import type { QueueName } from '../lib/jobs/define.ts';
import type { DemoApi } from './api.ts';

/** A job on its way. */
export interface JobRef {
  queue: QueueName;
  jobId: string;
  /** What it is about, for people. */
  title: string;
}

export type Ending = { state: 'completed' } | { state: 'failed' | 'cancelled' | 'removed'; error: string };

/** A job that has ended. */
export type EndedJob = JobRef & { ending: Ending };

/** What is shown of a kind after its jobs have ended. */
export interface KindReport {
  /** Stands above the table: what it shows and how to read it. */
  caption: string;
  head: string[];
  rows: string[][];
  /** Paragraphs below the table; leading spaces indent the whole paragraph. */
  notes: string[];
  /** The same for programs: part of the object that `--json` prints. */
  data: Record<string, unknown>;
}

/** A job kind that the demo shows: sample data in through the API, results out through the API. */
export interface DemoKind {
  /** For programs, in camel case. */
  name: string;
  /** Stands beside the progress bar. */
  label: string;
  /** Reads the sample data; each function returned asks the API for one job. */
  prepare(): Promise<((api: DemoApi) => Promise<JobRef>)[]>;
  /** `titleWidth`: characters that the first column may take. */
  report(api: DemoApi, completed: readonly EndedJob[], titleWidth: number): Promise<KindReport>;
}
