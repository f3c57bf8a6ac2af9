import { z } from 'zod';
import type { NewSchedule, Schedule } from '../../lib/db/schedule-types.ts';
import { InvalidInputError, NotFoundError } from '../../lib/errors.ts';
import { rowCallerOf } from '../access.ts';
import type { ApiDeps, App } from '../deps.ts';
import { answer, failures, pageQuery, success, text } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const tags = ['schedules'];
const scheduleParams = z.object({ id: z.guid('must be the uuid of a schedule').toLowerCase() });
const dealId = z.guid('must be the uuid of a deal').toLowerCase();
const kind = z.enum(['daily-brief', 'report'], 'must be daily-brief or report');
const RUNS_SHOWN = 10;
/** Of the daily brief. */
const TAKEN = 'daily';

const when = {
  cron: z.string().max(200).describe('Five fields: minute, hour, day of month, month, day of week'),
  timeZone: z.string().max(100).nullable().describe('IANA name; null: that of the deal, else TIMEZONE'),
  title: text({ max: 200 }).nullable().describe('Heading of the report'),
  enabled: z.boolean(),
};

const newSchedule = z.strictObject({
  dealId: dealId.nullish().describe('Left out: each active deal; for services alone'),
  kind: kind.default('report').describe('daily-brief: further times of the daily brief'),
  report: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,59}$/, 'must be lower-case letters, digits, _ and -, 60 at most')
    .nullish()
    .describe('Name of the report, such as weekly: it has briefs of its own, each of what is new since its last'),
  cron: when.cron,
  timeZone: when.timeZone.optional(),
  title: when.title.optional(),
  enabled: when.enabled.default(true),
});
const changes = z.strictObject({
  cron: when.cron.optional(),
  timeZone: when.timeZone.optional(),
  title: when.title.optional(),
  enabled: z.boolean().optional(),
});

const schedule = z.object({
  id: z.string(),
  dealId: z.string().nullable(),
  kind,
  report: z.string().nullable(),
  ...when,
  createdBy: z.string().nullable(),
  nextDueAt: z.string().nullable().describe('Null: switched off. Of all deals: in TIMEZONE; deals with a zone of their own have their own time'),
  createdAt: z.string(),
  updatedAt: z.string(),
});
const run = z.object({ dealId: z.string(), dueAt: z.string(), outcome: z.string(), late: z.boolean(), jobId: z.string().nullable() });

const example: z.input<typeof newSchedule> = {
  dealId: '6f1f3c1e-52a5-4d3b-9f10-0c6b7a3f4f11',
  kind: 'report',
  report: 'weekly',
  title: 'The week',
  cron: '0 9 * * MON',
};

export function scheduleRoutes(app: App, deps: ApiDeps, visible: Visible): void {
  const { schedules } = deps.db;

  app.post('/api/schedules', {
    schema: {
      tags,
      summary: 'Make a brief or report at times of one’s own',
      description:
        'Due times before it was made, changed or switched on do not count. At most once a minute. A user for deals that the user is a member of.',
      body: newSchedule.meta({ examples: [example] }),
      response: { 201: success(z.object({ schedule })), ...failures },
    },
    handler: async (request, reply) => {
      const caller = rowCallerOf(request);
      const { body } = request;
      const wanted = {
        ...body,
        dealId: body.dealId ?? null,
        report: body.report ?? null,
        timeZone: body.timeZone ?? null,
        title: body.title ?? null,
      };
      checkReport(wanted);
      await checkWhen(wanted);
      if (wanted.dealId === null && caller.userId !== undefined) refuse('dealId', 'must name a deal: schedules of all deals are for services');
      const made = await schedules.create(wanted, caller.userId ?? null);
      reply.header('location', `/api/schedules/${made.id}`);
      return reply.code(201).send(answer({ schedule: await view(made, deps) }));
    },
  });

  app.get('/api/schedules', {
    schema: {
      tags,
      summary: 'Schedules, newest first',
      querystring: pageQuery.extend({ dealId: dealId.optional() }),
      response: { 200: success(z.object({ schedules: z.array(schedule), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { limit, cursor, dealId: deal } = request.query;
      const filter = { ...(cursor ? { cursor } : {}), ...(deal ? { dealId: deal } : {}), ...(caller.userId ? { userId: caller.userId } : {}) };
      const page = await visible.rows(caller).schedules.list({ limit, ...filter });
      return answer({ schedules: await Promise.all(page.items.map((one) => view(one, deps))), nextCursor: page.nextCursor });
    },
  });

  app.get('/api/schedules/:id', {
    schema: {
      tags,
      summary: 'A schedule, when it is due next, and what became of its latest due times',
      params: scheduleParams,
      response: { 200: success(z.object({ schedule, runs: z.array(run) })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { id } = request.params;
      const rows = visible.rows(caller).schedules;
      const found = await rows.get(id, caller.userId);
      if (!found) throw new NotFoundError('Schedule', id);
      return answer({ schedule: await view(found, deps), runs: (await rows.runs(id, RUNS_SHOWN)).map(({ scheduleKey: _, ...one }) => one) });
    },
  });

  app.patch('/api/schedules/:id', {
    schema: {
      tags,
      summary: 'Change when a schedule is due, its title, or switch it off',
      params: scheduleParams,
      body: changes.meta({ examples: [{ cron: '0 6,18 * * *' }, { enabled: false }] }),
      response: { 200: success(z.object({ schedule })), ...failures },
    },
    handler: async (request) => {
      const { id } = request.params;
      await checkWhen(request.body);
      const changed = await schedules.change(id, request.body, rowCallerOf(request).userId ?? null);
      if (!changed) throw new NotFoundError('Schedule', id);
      return answer({ schedule: await view(changed, deps) });
    },
  });

  app.delete('/api/schedules/:id', {
    schema: {
      tags,
      summary: 'Remove a schedule; the reports that it made stay',
      params: scheduleParams,
      response: { 200: success(z.object({ id: z.string() })), ...failures },
    },
    handler: async (request) => {
      const { id } = request.params;
      if (!(await schedules.remove(id, rowCallerOf(request).userId ?? null))) throw new NotFoundError('Schedule', id);
      return answer({ id });
    },
  });
}

function checkReport({ kind: wanted, report }: Pick<NewSchedule, 'kind' | 'report'>): void {
  if (wanted === 'report' && (report === null || report === TAKEN))
    refuse('report', 'must name the report, such as weekly; daily is the daily brief’s');
  if (wanted === 'daily-brief' && report !== null) refuse('report', 'goes with kind report alone');
}

/** cron-parser is loaded with the first call. */
async function checkWhen({ cron, timeZone }: { cron?: string | undefined; timeZone?: string | null | undefined }): Promise<void> {
  const [{ cronProblem }, { isTimeZone }] = await Promise.all([import('../../lib/schedules/cron.ts'), import('../../lib/time-zone.ts')]);
  const problem = cron === undefined ? undefined : cronProblem(cron);
  if (problem !== undefined) refuse('cron', problem);
  if (timeZone != null && !isTimeZone(timeZone)) refuse('timeZone', 'must be an IANA time zone such as America/New_York');
}

function refuse(field: string, message: string): never {
  throw new InvalidInputError(`Invalid input: body.${field}: ${message}`, [{ path: `body.${field}`, message }]);
}

async function view({ dealTimeZone, ...found }: Schedule, { clock, options }: Pick<ApiDeps, 'clock' | 'options'>): Promise<z.infer<typeof schedule>> {
  const zone = found.timeZone ?? dealTimeZone ?? options.timeZone ?? 'UTC';
  return { ...found, nextDueAt: found.enabled ? await nextDueAt(found.cron, zone, clock.now()) : null };
}

/** Null also for what plain SQL has put there and nobody can read. */
async function nextDueAt(cron: string, zone: string, now: number): Promise<string | null> {
  const { nextDue } = await import('../../lib/schedules/due.ts');
  try {
    const next = nextDue(cron, zone, now);
    return next === undefined ? null : new Date(next).toISOString();
  } catch {
    return null;
  }
}
