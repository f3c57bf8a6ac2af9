import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { InvalidInputError } from '../errors.ts';
import { SOURCE_TYPES, SYNC_TYPES } from '../jobs/source-sync.ts';
import { stepOptions } from './documents.ts';
import { createGroupCommit } from './group-commit.ts';
import { requireUuid } from './job-rows.ts';
import { newestFirst } from './newest-first.ts';
import { type Client, callJson } from './rest.ts';
import { integer, isUuid, jsonText, timestamp } from './rows.ts';
import {
  type DealSource,
  type DealSourcesTable,
  ITEM_STATES,
  type Notice,
  type NoticeOutcome,
  SOURCE_STATUSES,
  type SourceSync,
  type StoredItem,
  SYNC_TRIGGERS,
  type WatchedSource,
} from './source-types.ts';
import type { Asked } from './types.ts';

const text = z.string().nullable();
const time = timestamp.nullable();
const count = integer.catch(0);

const sourceRow = z
  .object({
    id: z.string(),
    deal_id: z.string(),
    source_type: z.enum(SOURCE_TYPES),
    name: z.string(),
    connection_id: text,
    settings: z.record(z.string(), z.unknown()).catch({}),
    // What older workers wrote there.
    status: z.enum(SOURCE_STATUSES).catch('idle'),
    status_reason: text,
    paused: z.boolean(),
    progress_at: time,
    synced_at: time,
    watch_expires_at: time,
    created_by: text,
    created_at: timestamp,
    updated_at: timestamp,
  })
  .transform(
    (row): DealSource => ({
      id: row.id,
      dealId: row.deal_id,
      sourceType: row.source_type,
      name: row.name,
      connectionId: row.connection_id,
      settings: row.settings,
      status: row.status,
      statusReason: row.status_reason,
      paused: row.paused,
      progressAt: row.progress_at,
      syncedAt: row.synced_at,
      watchExpiresAt: row.watch_expires_at,
      createdBy: row.created_by,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    }),
  );
export const dealSource: z.ZodType<DealSource> = sourceRow;

const syncRow = z
  .object({
    id: z.string(),
    deal_id: z.string(),
    source_id: z.string(),
    source_type: z.enum(SOURCE_TYPES),
    // What older workers wrote in words of their own.
    sync_type: z.enum(SYNC_TYPES).catch('incremental'),
    mode: z.enum(SYNC_TYPES).catch('incremental'),
    trigger: z.enum(SYNC_TRIGGERS).catch('manual'),
    status: z.enum(['running', 'retrying', 'succeeded', 'failed', 'cancelled']).catch('failed'),
    error: text,
    error_code: text,
    job_id: text,
    pages: count,
    listed: count,
    unchanged: count,
    created: count,
    changed: count,
    renamed: count,
    deleted: count,
    skipped: count,
    failed: count,
    calls: count,
    started_at: time,
    finished_at: time,
    created_at: timestamp,
    updated_at: timestamp,
  })
  .transform(
    ({
      deal_id: dealId,
      source_id: sourceId,
      source_type: sourceType,
      sync_type: syncType,
      error_code: errorCode,
      job_id: jobId,
      started_at: startedAt,
      finished_at: finishedAt,
      created_at: createdAt,
      updated_at: updatedAt,
      ...same
    }): SourceSync => ({ ...same, dealId, sourceId, sourceType, syncType, errorCode, jobId, startedAt, finishedAt, createdAt, updatedAt }),
  );
export const sourceSync: z.ZodType<SourceSync> = syncRow;

const itemRow = z
  .object({
    source_id: z.string(),
    ref: z.string(),
    kind: z.enum(['document', 'email']),
    name: z.string(),
    path: text,
    url: text,
    mime_type: text,
    size_bytes: integer.nullable(),
    state: z.enum(ITEM_STATES),
    reason: text,
    document_id: text,
    email_id: text,
    modified_at: time,
    created_at: timestamp,
    updated_at: timestamp,
  })
  .transform(
    (row): StoredItem => ({
      sourceId: row.source_id,
      ref: row.ref,
      kind: row.kind,
      name: row.name,
      path: row.path,
      url: row.url,
      mimeType: row.mime_type,
      sizeBytes: row.size_bytes,
      state: row.state,
      reason: row.reason,
      documentId: row.document_id,
      emailId: row.email_id,
      modifiedAt: row.modified_at,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    }),
  );

const asked = z.object({ outboxId: integer.nullable(), jobId: z.string() });
const created = z.object({ source: dealSource, outboxId: integer.nullable(), jobId: text });
const paths = z.object({ paths: z.array(z.string()) });
const watch = z.object({ id: z.string(), resource: text, expiresAt: timestamp });
const watched: z.ZodType<WatchedSource> = z.object({ source: dealSource, watch: watch.nullable(), moved: z.boolean() });
const outcome = z.enum(['queued', 'waiting', 'replayed', 'forged', 'inactive', 'taken'] as const satisfies readonly NoticeOutcome[]);
const place = z.tuple([z.string(), z.string()]);
/** Notices in one statement: as many as one request may bring. */
const MOST_NOTICES = 200;
const NOTHING = { items: [], nextCursor: null };

const encodePlace = ({ name, ref }: StoredItem): string => Buffer.from(JSON.stringify([name, ref])).toString('base64url');

/** Throws `InvalidInputError` for what is no cursor of ours. */
function decodePlace(cursor: string | undefined): [string, string] | [] {
  if (cursor === undefined) return [];
  try {
    return place.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch {
    throw new InvalidInputError('The cursor is not one that a page answered', [{ path: 'cursor', message: 'not a cursor of this list' }]);
  }
}

/** `deal_sources`, their syncs and items: as the service role, or as a signed-in user, who reads alone. */
export function createDealSourcesTable(client: Client): DealSourcesTable {
  const find = async (filter: Record<string, unknown>) => callJson(client, 'find_sources', { p_filter: jsonText(filter) }, z.array(dealSource));
  const notice = createGroupCommit<Notice, NoticeOutcome>({
    commit: (notices) => callJson(client, 'take_source_notices', { p_notices: jsonText(notices) }, z.array(outcome)),
    maxItems: MOST_NOTICES,
  });

  return {
    async create(source, options) {
      const args = {
        p_source: jsonText({ id: randomUUID(), ...source, dealId: requireUuid('dealId', source.dealId) }),
        p_options: options === undefined ? null : stepOptions(options),
      };
      const { source: stored, outboxId, jobId } = await callJson(client, 'create_source', args, created);
      const first: Asked | undefined = jobId === null ? undefined : { outboxId, jobId };
      return { source: stored, asked: first };
    },

    get: async (id) => (isUuid(id) ? (await find({ id }))[0] : undefined),

    list: async ({ dealId, sourceType, connectionId }) =>
      [dealId, connectionId].some((id) => id !== undefined && !isUuid(id)) ? [] : find({ dealId, sourceType, connectionId }),

    async change(id, changes) {
      if (!isUuid(id)) return undefined;
      return (await callJson(client, 'change_source', { p_id: id, p_changes: jsonText(changes) }, dealSource.nullable())) ?? undefined;
    },

    async remove(id, { keep }) {
      if (!isUuid(id)) return undefined;
      return (await callJson(client, 'remove_source', { p_id: id, p_keep: keep }, paths.nullable())) ?? undefined;
    },

    async ask(id, syncType, { trigger = 'manual', ...options } = {}) {
      if (!isUuid(id)) return undefined;
      const { force: _, ...given } = JSON.parse(stepOptions(options));
      const args = { p_source: id, p_type: syncType, p_options: jsonText({ ...given, trigger }) };
      return (await callJson(client, 'ask_for_source', args, asked.nullable())) ?? undefined;
    },

    async syncs({ sourceId, limit, cursor }) {
      if (!isUuid(sourceId)) return NOTHING;
      return newestFirst(client, 'source_syncs', { limit, cursor, where: { source_id: sourceId } }, (row) => sourceSync.parse(row));
    },

    async items({ sourceId, limit, cursor, state }) {
      if (!isUuid(sourceId)) return NOTHING;
      const [afterName = null, afterRef = null] = decodePlace(cursor);
      const args = { p_source: sourceId, p_state: state ?? null, p_limit: limit + 1, p_after_name: afterName, p_after_ref: afterRef };
      const found = await callJson(client, 'find_source_items', args, z.array(itemRow));
      const items = found.slice(0, limit);
      const last = items.at(-1);
      return { items, nextCursor: found.length > limit && last ? encodePlace(last) : null };
    },

    async counts(id) {
      if (!isUuid(id)) return {};
      return callJson(client, 'count_source_items', { p_source: id }, z.partialRecord(z.enum(ITEM_STATES), integer));
    },

    noticeMailbox: async (connectionId, historyId) =>
      isUuid(connectionId) ? callJson(client, 'notice_mailbox_sources', { p_connection: connectionId, p_history: historyId ?? null }, integer) : 0,

    notice,

    async setWatch(id, watching) {
      if (isUuid(id))
        await callJson(client, 'set_source_watch', { p_source: id, p_watch: watching === null ? '{}' : jsonText(watching) }, z.unknown());
    },

    async watchesEndingBefore(before, { types, limit, base, againMs = 0, sourceId }) {
      if (sourceId !== undefined && !isUuid(sourceId)) return [];
      const of = { p_base: base ?? null, p_again_ms: againMs, p_source: sourceId ?? null };
      const args = { p_before: new Date(before).toISOString(), p_types: jsonText(types), p_limit: limit, ...of };
      return callJson(client, 'sources_to_watch', args, z.array(watched));
    },

    async postponeWatch(id, until) {
      if (isUuid(id)) await callJson(client, 'postpone_source_watch', { p_source: id, p_until: new Date(until).toISOString() }, z.unknown());
    },

    watchOf: async (id) => (isUuid(id) ? callJson(client, 'source_watch', { p_source: id }, watch.nullable()) : undefined),

    poll: async ({ limit, now }) => callJson(client, 'poll_sources', { p_limit: limit, p_now: now ?? null }, integer),

    cleanUp: async (keepMs, limit, now) =>
      callJson(client, 'clean_up_source_syncs', { p_keep_ms: keepMs, p_limit: limit, p_now: now ?? null }, integer),
  };
}
