/**
 * The database as the rest of Hivepulse sees it: supabase-js over HTTP, or over the `fetch` of a server in this process.
 * Made once per process; holds no connection of its own (`close` ends what was handed in with it).
 */
import { createClient, type SupabaseClientOptions } from '@supabase/supabase-js';
import { z } from 'zod';
import { PermanentError, UnavailableError } from '../errors.ts';
import type { Tracer } from '../telemetry/contract.ts';
import { createAiLedger } from './ai.ts';
import { createAlertBook } from './alerts.ts';
import { createAnalyticsJobsTable } from './analytics-jobs.ts';
import { createBoundedFetch, type Fetch } from './bounded-fetch.ts';
import { createBriefsTable, createBriefWork } from './briefs.ts';
import { createConnectionSecrets, createConnectionsTable } from './connections.ts';
import { createConversationsTable } from './conversations.ts';
import { createCreditsTable } from './credits.ts';
import { createDealStepsTable } from './deal-steps.ts';
import { createDealsTable } from './deals.ts';
import { createDocumentsTable } from './documents.ts';
import { createEmailsTable } from './emails.ts';
import { createEmbeddingsTable } from './embeddings.ts';
import { createFailedJobsTable } from './failed-jobs.ts';
import { createJobRowsTable } from './job-rows.ts';
import { createMailboxesTable } from './mailboxes.ts';
import { createMessagesTable } from './messages.ts';
import { migrationFiles } from './migration-files.ts';
import { createOutboxTable } from './outbox.ts';
import { answer, type Client, parseRow } from './rest.ts';
import { createReviewJobsTable } from './review-jobs.ts';
import { createScheduleBook, createSchedulesTable } from './schedules.ts';
import { createSourceRuns } from './source-runs.ts';
import { createDealSourcesTable } from './sources.ts';
import { createStoriesTable } from './stories.ts';
import { carryTrace, tracedFetch } from './traced.ts';
import type { Db } from './types.ts';
import { askAuthServer, type JwtVerification, requireJwt, verifyHere } from './users.ts';

export interface DbOptions {
  /** `SUPABASE_URL`. */
  url: string;
  /** `SUPABASE_SERVICE_ROLE_KEY`: sees and writes everything. */
  serviceKey: string;
  /** Goes along with users' own tokens. Without it the service key does; row-level security holds either way. */
  publishableKey?: string | undefined;
  /** Instead of the network: the server's own `fetch`. */
  fetch?: Fetch | undefined;
  /** Check users' tokens here instead of asking the auth server each time. */
  jwtVerify?: JwtVerification | undefined;
  /** Longest time for one call, its repeats included, in milliseconds. Too short fails slow queries, too long holds jobs up. Default 10,000. */
  timeoutMs?: number | undefined;
  tracer?: Tracer | undefined;
  /** Ends what `fetch` belongs to. */
  onClose?: (() => Promise<void>) | undefined;
}

const DEFAULT_TIMEOUT_MS = 10_000;

export function createDb(options: DbOptions): Db {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let closing: Promise<void> | undefined;
  const bounded = createBoundedFetch({ fetch: options.fetch ?? globalThis.fetch, timeoutMs });
  const open: Fetch = async (input, init) => {
    if (closing) throw new UnavailableError('The database is closed', { code: 'database_closed' });
    return bounded(input, init);
  };
  const { tracer } = options;
  const fetch = tracer ? tracedFetch(open, tracer) : open;
  const traced = (client: Client): Client => (tracer ? carryTrace(client, tracer) : client);
  const service = traced(createClient(options.url, options.serviceKey, clientOptions(fetch)));
  const userOf = options.jwtVerify ? verifyHere(options.jwtVerify, timeoutMs) : askAuthServer(service.auth);
  const userKey = options.publishableKey ?? options.serviceKey;

  return {
    ...userTables(service),
    connections: { ...createConnectionsTable(service), ...createConnectionSecrets(service) },
    mailboxes: createMailboxesTable(service),
    sourceRuns: createSourceRuns(service),
    outbox: createOutboxTable(service),
    jobRows: createJobRowsTable(service),
    embeddings: createEmbeddingsTable(service),
    dealSteps: createDealStepsTable(service),
    schedules: { ...createSchedulesTable(service), ...createScheduleBook(service) },
    briefs: { ...createBriefsTable(service), ...createBriefWork(service) },
    ai: createAiLedger(service),
    alerts: createAlertBook(service),
    userOf,
    forUser(jwt) {
      const token = requireJwt(jwt);
      return userTables(traced(createClient(options.url, userKey, { ...clientOptions(fetch), accessToken: async () => token })));
    },
    check: () => checkSchema(service),
    close: () => {
      closing ??= options.onClose?.() ?? Promise.resolve();
      return closing;
    },
  };
}

/** What users see of; row-level security says how much. */
function userTables(client: Client): ReturnType<Db['forUser']> {
  return {
    stories: createStoriesTable(client),
    failedJobs: createFailedJobsTable(client),
    reviewJobs: createReviewJobsTable(client),
    credits: createCreditsTable(client),
    analyticsJobs: createAnalyticsJobsTable(client),
    conversations: createConversationsTable(client),
    connections: createConnectionsTable(client),
    messages: createMessagesTable(client),
    deals: createDealsTable(client),
    documents: createDocumentsTable(client),
    dealSources: createDealSourcesTable(client),
    emails: createEmailsTable(client),
    schedules: createSchedulesTable(client),
    briefs: createBriefsTable(client),
  };
}

/** Repeating is ours (`bounded-fetch.ts`): supabase-js would go on for longer than a job may take. */
function clientOptions(fetch: Fetch): SupabaseClientOptions<'public'> {
  return {
    global: { fetch },
    db: { schema: 'public', retry: false },
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
  };
}

async function checkSchema(service: Client): Promise<{ missingMigrations: string[] }> {
  const files = (await migrationFiles()).migrations;
  const applied = await appliedVersion(service);
  return { missingMigrations: files.filter(({ version }) => version > applied).map(({ file }) => file) };
}

/** Empty where no migration has been applied. */
async function appliedVersion(service: Client): Promise<string> {
  try {
    return parseRow(z.string(), await answer(service.rpc('hivepulse_schema_version')), 'hivepulse_schema_version');
  } catch (error) {
    if (error instanceof PermanentError && error.code === 'schema_missing') return '';
    throw error;
  }
}
