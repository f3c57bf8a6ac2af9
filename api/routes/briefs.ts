import { z } from 'zod';
import { NotFoundError } from '../../lib/errors.ts';
import { rowCallerOf } from '../access.ts';
import { formatOf, varies } from '../content.ts';
import { dealParams, tags } from '../deal-schemas.ts';
import type { App } from '../deps.ts';
import { answer, failures, pageQuery, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const report = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,59}$/, 'must be the name of a report, such as daily')
  .optional()
  .describe('Default: daily');
const summary = z.object({
  id: z.string(),
  dealId: z.string(),
  report: z.string(),
  date: z.string().describe('Local date of the deal’s time zone'),
  edition: z.number().describe('The latest'),
  createdAt: z.string(),
  updatedAt: z.string(),
});
const edition = z.object({
  id: z.string(),
  edition: z.number(),
  trigger: z.enum(['schedule', 'manual']),
  dueAt: z.string().nullable(),
  late: z.boolean().describe('It was due while no scheduler ran'),
  coversFrom: z.string().nullable(),
  coversTo: z.string(),
  model: z.string().nullable(),
  promptVersion: z.string().nullable(),
  createdAt: z.string(),
});
const whole = success(
  z.object({
    brief: summary.extend({
      content: z.unknown().describe('Facts, and the sentences that rest on them'),
      markdown: z.string().nullable(),
      html: z.string().nullable(),
      editions: z.array(edition),
    }),
  }),
);

const TYPES = { json: 'application/json', markdown: 'text/markdown', html: 'text/html' } as const;

export function briefRoutes(app: App, visible: Visible): void {
  app.get('/api/deals/:id/briefs', {
    schema: {
      tags,
      summary: 'The briefs of a deal, newest first, without their texts',
      params: dealParams,
      querystring: pageQuery.extend({ report: report.describe('Default: all') }),
      response: { 200: success(z.object({ briefs: z.array(summary), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { id } = await visible.deal(caller, request.params.id);
      const { limit, cursor, report: name } = request.query;
      const page = await visible.rows(caller).briefs.list({ dealId: id, limit, ...(cursor ? { cursor } : {}), ...(name ? { report: name } : {}) });
      return answer({ briefs: page.items, nextCursor: page.nextCursor });
    },
  });

  app.get('/api/deals/:id/briefs/:date', {
    schema: {
      tags,
      summary: 'A brief as JSON, Markdown or HTML, by Accept',
      params: dealParams.extend({ date: z.iso.date('must be a date such as 2026-11-22') }),
      querystring: z.object({
        report,
        edition: z.coerce.number().int().min(1).optional().describe('Default: the latest of the date'),
        format: z.enum(['json', 'markdown', 'html']).optional().describe('Instead of the header Accept'),
      }),
      response: {
        200: {
          description: 'The brief',
          content: { 'application/json': { schema: whole }, 'text/markdown': { schema: z.string() }, 'text/html': { schema: z.string() } },
        },
        ...failures,
      },
    },
    handler: async (request, reply) => {
      const caller = rowCallerOf(request);
      const format = formatOf(request, request.query.format, TYPES);
      const { id } = await visible.deal(caller, request.params.id);
      const { report: name, edition: number } = request.query;
      const { briefs } = visible.rows(caller);
      const brief = await briefs.get(id, request.params.date, { ...(name ? { report: name } : {}), ...(number ? { edition: number } : {}) });
      if (!brief) throw new NotFoundError('Brief', `${id}/${request.params.date}`);
      varies(reply);
      if (format === 'json') return answer({ brief: { ...brief, editions: await briefs.editions(brief.id) } });
      const text = brief[format];
      if (text === null) throw new NotFoundError('Brief', `${id}/${request.params.date}`);
      // It is made of what users wrote: nothing in it runs or loads anything.
      if (format === 'html') reply.header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox");
      return reply.type(`${TYPES[format]}; charset=utf-8`).send(text);
    },
  });
}
