import { z } from 'zod';
import { NotFoundError } from '../../lib/errors.ts';
import { rowCallerOf } from '../access.ts';
import { deal, dealChanges, dealParams, dealStatuses, newDeal, tags, tidy } from '../deal-schemas.ts';
import type { ApiDeps, App } from '../deps.ts';
import { answer, failures, pageQuery, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const one = success(z.object({ deal }));

export function dealRoutes(app: App, { db }: ApiDeps, visible: Visible): void {
  app.post('/api/deals', {
    schema: {
      tags,
      summary: 'Open a deal room',
      description:
        'Who opens it is its first member and owner; a service that names no user opens it without members. The same `id` again answers the deal that is there (200).',
      body: newDeal.meta({
        examples: [{ name: 'Project Falcon', timeZone: 'Europe/Berlin', briefTime: '0 7 * * 1-5', briefDelivery: { mail: ['team@example.com'] } }],
      }),
      response: { 200: one.describe('It was there already'), 201: one, ...failures },
    },
    handler: async (request, reply) => {
      const caller = rowCallerOf(request);
      const { id } = request.body;
      // Whose id this is already answers like one that cannot be used.
      const there = id === undefined ? undefined : await db.deals.get(id);
      const made = there ? await visible.deal(caller, there.id) : await db.deals.create(tidy(request.body), caller.userId ?? null);
      return reply
        .code(there ? 200 : 201)
        .header('location', `/api/deals/${made.id}`)
        .send(answer({ deal: made }));
    },
  });

  app.get('/api/deals', {
    schema: {
      tags,
      summary: 'Deals, newest first',
      querystring: pageQuery.extend({ status: dealStatuses.optional() }),
      response: { 200: success(z.object({ deals: z.array(deal), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { limit, cursor, status } = request.query;
      const page = await visible.rows(caller).deals.list({
        limit,
        ...(cursor ? { cursor } : {}),
        ...(status ? { status } : {}),
        ...(caller.userId ? { userId: caller.userId } : {}),
      });
      return answer({ deals: page.items, nextCursor: page.nextCursor });
    },
  });

  app.get('/api/deals/:id', {
    schema: { tags, summary: 'One deal', params: dealParams, response: { 200: one, ...failures } },
    handler: async (request) => answer({ deal: await visible.deal(rowCallerOf(request), request.params.id) }),
  });

  app.patch('/api/deals/:id', {
    schema: {
      tags,
      summary: 'Change a deal; what is not named stays as it is',
      params: dealParams,
      body: dealChanges.meta({ examples: [{ briefTime: '0 6,18 * * *', timeZone: 'America/New_York' }, { status: 'closed' }] }),
      response: { 200: one, ...failures },
    },
    handler: async (request) => {
      const { id } = await visible.deal(rowCallerOf(request), request.params.id);
      const changed = await db.deals.change(id, tidy(request.body));
      if (!changed) throw new NotFoundError('Deal', id);
      return answer({ deal: changed });
    },
  });
}
