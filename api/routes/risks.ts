import { z } from 'zod';
import type { DocumentRisk } from '../../lib/db/deal-types.ts';
import type { Page } from '../../lib/db/types.ts';
import { rowCallerOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import { dealId, dealParams, documentParams, risk, severity, tags } from '../deal-schemas.ts';
import type { App } from '../deps.ts';
import { answer, failures, pageQuery, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const filters = pageQuery.extend({
  severity: severity.optional(),
  category: z.string().min(1).max(100).optional().describe('Such as change_of_control'),
});
const found = success(z.object({ risks: z.array(risk), nextCursor: z.string().nullable() }));

/** What was found in documents, newest first; each with the passage it rests on. */
export function riskRoutes(app: App, visible: Visible): void {
  async function list(caller: RowCaller, of: { dealId?: string; documentId?: string }, query: z.infer<typeof filters>) {
    const { limit, cursor, severity: level, category } = query;
    const page: Page<DocumentRisk> = await visible.rows(caller).documents.risks({
      limit,
      ...of,
      ...(cursor ? { cursor } : {}),
      ...(level ? { severity: level } : {}),
      ...(category ? { category } : {}),
    });
    return answer({ risks: page.items, nextCursor: page.nextCursor });
  }

  app.get('/api/documents/:id/risks', {
    schema: { tags, summary: 'Risks found in a document', params: documentParams, querystring: filters, response: { 200: found, ...failures } },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { id: documentId } = await visible.document(caller, request.params.id);
      return list(caller, { documentId }, request.query);
    },
  });

  app.get('/api/deals/:id/risks', {
    schema: {
      tags,
      summary: 'Risks found in the documents of a deal',
      params: dealParams,
      querystring: filters,
      response: { 200: found, ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { id } = await visible.deal(caller, request.params.id);
      return list(caller, { dealId: id }, request.query);
    },
  });

  app.get('/api/risks', {
    schema: {
      tags,
      summary: 'Risks found in the documents of a deal, or of all deals that the caller sees',
      querystring: filters.extend({ dealId: dealId.optional() }),
      response: { 200: found, ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { dealId: wanted, ...query } = request.query;
      return list(caller, await visible.dealFilter(caller, wanted), query);
    },
  });
}
