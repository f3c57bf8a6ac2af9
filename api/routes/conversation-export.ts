import { z } from 'zod';
import { csvExport, jsonExport } from '../../lib/conversations/export.ts';
import { answersOf, takeSnapshot } from '../../lib/conversations/snapshot.ts';
import { rowCallerOf } from '../access.ts';
import { attachment, formatOf, sendText, varies } from '../content.ts';
import { conversationParams, conversationSummary, tags, theme } from '../conversation-schemas.ts';
import type { App } from '../deps.ts';
import { failures, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const TYPES = { json: 'application/json', csv: 'text/csv' } as const;

const query = z.object({
  format: z.enum(['csv', 'json']).optional().describe('Instead of the header Accept'),
  bom: z.enum(['true', 'false']).default('false').describe('With a byte-order mark, which Excel needs to read CSV as UTF-8'),
});

const exported = z.object({
  id: z.string(),
  externalId: z.string().nullable(),
  text: z.string(),
  theme: z.string().nullable(),
  themeId: z.string().nullable(),
  standing: z.enum(['theme', 'outlier', 'not_analysed']).describe('not_analysed: empty, or newer than the analysis'),
  x: z.number().nullable(),
  y: z.number().nullable(),
  duplicateOf: z.string().nullable().describe('The first answer with the same words'),
});
const json = success(
  z.object({ conversation: conversationSummary.extend({ analysis: z.unknown() }), themes: z.array(theme), answers: z.array(exported) }),
);

export function conversationExportRoute(app: App, visible: Visible): void {
  app.get('/api/conversations/:id/export', {
    schema: {
      tags,
      summary: 'Every answer with its theme and place, as CSV or JSON (with the themes)',
      description:
        'By `Accept` or `format`. In CSV a text that a spreadsheet would run as a formula has an apostrophe before it. When themes change on the way the answer breaks off: ask again.',
      params: conversationParams,
      querystring: query,
      response: {
        200: { description: 'All answers', content: { 'application/json': { schema: json }, 'text/csv': { schema: z.string() } } },
        ...failures,
      },
    },
    handler: async (request, reply) => {
      const format = formatOf(request, request.query.format, TYPES);
      const caller = rowCallerOf(request);
      const { conversations } = visible.rows(caller);
      const snapshot = await takeSnapshot(conversations, await visible.conversation(caller, request.params.id));
      reply.header('content-disposition', attachment(snapshot.conversation.title, format));
      varies(reply);
      const pages = answersOf(conversations, snapshot);
      const pieces = format === 'csv' ? csvExport(snapshot, pages, { bom: request.query.bom === 'true' }) : jsonExport(snapshot, pages);
      return sendText(reply, TYPES[format], pieces);
    },
  });
}
