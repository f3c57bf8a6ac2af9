import type { EmbeddedSql } from '../lib/db/embedded.ts';
import type { QueueName } from '../lib/jobs/define.ts';
import type { DemoApi } from './api.ts';
import type { Customer } from './customer.ts';
import type { GoogleStandIn } from './stand-ins/google/server.ts';
import type { MicrosoftStandIn } from './stand-ins/microsoft/contract.ts';

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

/** A part of the results. */
export interface Section {
  /** Stands above the table: what it shows and how to read it. */
  caption: string;
  head: string[];
  rows: string[][];
  /** Paragraphs below the table; leading spaces indent the whole paragraph. */
  notes: string[];
  /** The same for programs: part of the object that `--json` prints. */
  data: Record<string, unknown>;
}

/** What any app beside Hivepulse has. */
export interface DemoTools {
  /** As a service that acts for nobody. */
  api: DemoApi;
  /** Who pays for the review jobs. */
  customer: Customer;
  /** The database: for what an app asks for in a transaction of its own. */
  sql: EmbeddedSql;
  /** What stands in for Google: no mailbox is there yet. */
  google: GoogleStandIn;
  /** The same for Microsoft. */
  microsoft: MicrosoftStandIn;
  /** For files that stay when the demo has ended; it may not be there yet. */
  outputFolder: string;
  /** Of the sample conversation, the first so many answers; all of them when left out. */
  answers?: number | undefined;
}

/** A job kind that the demo shows: sample data in, results out. */
export interface DemoKind {
  /** For programs, in camel case. */
  name: string;
  /** Stands beside the progress bar. */
  label: string;
  /** Reads the sample data; each function returned asks for one job. */
  prepare(): Promise<((tools: DemoTools) => Promise<JobRef>)[]>;
  /** Of the jobs that completed. `width`: characters that a line of the table may have. */
  report(tools: DemoTools, completed: readonly EndedJob[], width: number): Promise<Section>;
}
