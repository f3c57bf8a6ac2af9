import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { requireUuid } from './job-rows.ts';
import { answer, type Client, callJson, parseRow } from './rest.ts';
import { decodeCursor, integer, isUuid, jsonText, timestamp, toPage } from './rows.ts';
import type { Schedule, ScheduleBook, ScheduleChanges, ScheduleRun, SchedulesTable } from './schedule-types.ts';

const text = z.string().nullable();

const row = z.object({
  id: z.string(),
  deal_id: text,
  kind: z.enum(['daily-brief', 'report']).catch('report'),
  report: text,
  title: text,
  cron: text.transform((cron) => cron ?? ''),
  time_zone: text,
  deal_time_zone: text,
  enabled: z.boolean().nullable(),
  created_by: text,
  created_at: timestamp,
  updated_at: timestamp,
});

function parseSchedule(value: unknown): Schedule {
  const found = parseRow(row, value, 'schedules');
  return {
    id: found.id,
    dealId: found.deal_id,
    kind: found.kind,
    report: found.report,
    title: found.title,
    cron: found.cron,
    timeZone: found.time_zone,
    dealTimeZone: found.deal_time_zone,
    enabled: found.enabled ?? false,
    createdBy: found.created_by,
    createdAt: found.created_at,
    updatedAt: found.updated_at,
  };
}

const run = z
  .object({ schedule_key: z.string(), deal_id: z.string(), due_at: timestamp, outcome: z.string(), late: z.boolean(), job_id: text })
  .transform((found): ScheduleRun => {
    const { schedule_key: scheduleKey, deal_id: dealId, due_at: dueAt, outcome, late, job_id: jobId } = found;
    return { scheduleKey, dealId, dueAt, outcome, late, jobId };
  });

const group = z.object({ kind: z.enum(['brief', 'schedule']), cron: z.string(), timeZone: z.string() });
const look = z.object({ now: timestamp, lookedAt: timestamp.nullable(), groups: z.array(group) });
const started = z.object({ found: z.int(), started: z.int() });
const cleaned = z.object({ runs: z.int(), steps: z.int(), states: z.int() });
const asked = z.object({ dealId: z.string(), date: z.string(), jobId: z.string(), outboxId: integer.nullable(), deduplicated: z.boolean() });

/** `schedules` and what became of them: as the service role, or as a signed-in user, who reads alone. */
export function createSchedulesTable(client: Client): SchedulesTable {
  const find = (filter: Record<string, unknown>, limit: number, after?: { time: string; id: string }) => {
    const place = { p_after_time: after?.time ?? null, p_after_id: after?.id ?? null };
    return callJson(client, 'find_schedules', { p_filter: jsonText(filter), p_limit: limit, ...place }, z.array(z.unknown()));
  };

  return {
    async get(id, userId) {
      const [found] = isUuid(id) && (userId === undefined || isUuid(userId)) ? await find({ id, userId }, 1) : [];
      return found === undefined ? undefined : parseSchedule(found);
    },

    async list({ limit, cursor, ...filter }) {
      if (Object.values(filter).some((id) => !isUuid(id))) return { items: [], nextCursor: null };
      return toPage(await find(filter, limit + 1, cursor === undefined ? undefined : decodeCursor(cursor)), limit, 'created_at', parseSchedule);
    },

    async runs(scheduleKey, limit) {
      const query = client.from('schedule_runs').select('schedule_key,deal_id,due_at,outcome,late,job_id').eq('schedule_key', scheduleKey);
      return parseRow(z.array(run), await answer(query.order('due_at', { ascending: false }).order('deal_id').limit(limit)), 'schedule_runs');
    },
  };
}

/** What only the service role may. */
export function createScheduleBook(client: Client): ScheduleBook {
  const call = async <T>(name: string, args: Record<string, unknown>, schema: z.ZodType<T>): Promise<T> =>
    parseRow(schema, await answer(client.rpc(name, args)), name);
  const owner = (userId: string | null) => ({ p_user: userId === null ? null : requireUuid('userId', userId) });
  const fields = ({ title, cron, timeZone, enabled }: ScheduleChanges) => ({ title, cron, timeZone, enabled });

  return {
    async create({ dealId, kind, report, ...schedule }, userId) {
      const stored = jsonText({ ...fields(schedule), dealId: dealId === null ? null : requireUuid('dealId', dealId), kind, report });
      // Made here, so that repeating the call after a lost answer stores one.
      return parseSchedule(await callJson(client, 'create_schedule', { p_id: randomUUID(), p_schedule: stored, ...owner(userId) }, z.unknown()));
    },

    async change(id, changes, userId) {
      if (!isUuid(id)) return undefined;
      const found = await callJson(client, 'change_schedule', { p_id: id, p_changes: jsonText(fields(changes)), ...owner(userId) }, z.unknown());
      return found ? parseSchedule(found) : undefined;
    },

    remove: async (id, userId) => isUuid(id) && call('remove_schedule', { p_id: id, ...owner(userId) }, z.boolean()),

    look: ({ cron, timeZone }, now) => callJson(client, 'look_at_schedules', { p_cron: cron, p_time_zone: timeZone, p_now: now ?? null }, look),

    start: (runs, defaults) => callJson(client, 'start_schedule_runs', { p_runs: jsonText({ ...runs, defaults }) }, started),

    lookedUntil: async (now) => (await call('looked_at_schedules', { p_now: now }, timestamp.nullable())) ?? undefined,

    startChore: (key, dueAt, choreRun) => call('start_chore', { p_key: key, p_due: dueAt, p_run: choreRun }, z.boolean()),

    endChore: (key, dueAt, choreRun, outcome, error) =>
      call('end_chore', { p_key: key, p_due: dueAt, p_run: choreRun, p_outcome: outcome, p_error: error ?? null }, z.boolean()),

    cleanUp: (keepMs, limit, now) => callJson(client, 'clean_up_schedules', { p_keep_ms: keepMs, p_limit: limit, p_now: now ?? null }, cleaned),

    async zones({ dealId, userId }) {
      if (dealId !== undefined && !isUuid(dealId)) return undefined;
      const owned = { deal: dealId, ...(userId === undefined ? {} : { userId: requireUuid('userId', userId) }) };
      return (await callJson(client, 'zones_of_briefs', { p_asked: jsonText(owned) }, z.array(text).nullable())) ?? undefined;
    },

    askForBriefs: ({ dealId, userId, correlationId, ...rest }) => {
      const options = { userId, correlationId };
      return callJson(client, 'ask_for_briefs', { p_asked: jsonText({ ...rest, deal: dealId, userId, options }) }, z.array(asked));
    },
  };
}
