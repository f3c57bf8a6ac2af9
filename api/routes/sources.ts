import { z } from 'zod';
import { rowCallerOf } from '../access.ts';
import { dealParams } from '../deal-schemas.ts';
import { deliverAll } from '../deliver.ts';
import type { ApiDeps, App } from '../deps.ts';
import { answer, failures, success } from '../schemas.ts';
import { chooseAccount } from '../source-accounts.ts';
import { newSource, source, sourceDetail, sourceParams, tags, viewAccount, viewSource, viewSync } from '../source-schemas.ts';
import { kindOf, nameOf, readSettings } from '../source-settings.ts';
import type { Visible } from '../visible.ts';

/** More of them in one deal are most likely made by mistake, in a loop. */
const MOST_SOURCES = 50;

/** Where deals fill themselves from. */
export function sourceRoutes(app: App, deps: ApiDeps, visible: Visible): void {
  const { db } = deps;

  app.post('/api/deals/:id/sources', {
    schema: {
      tags,
      summary: 'Let a deal fill itself from a folder, a library or a mailbox',
      description:
        'Its first full sync is asked for at once. Later it follows by notices of change, where there are any, and at intervals. 409 `not_connected`, `reauth_required` or `connection_needed` where the account cannot be read, with the address to connect one in `details.startUrl`; `source_exists` where the deal has it already.',
      params: dealParams,
      body: newSource,
      response: { 201: success(z.object({ source, jobId: z.string().nullable() })), ...failures },
    },
    handler: async (request, reply) => {
      const caller = rowCallerOf(request);
      const { id: dealId } = await visible.deal(caller, request.params.id);
      const { type: sourceType, connectionId, name, settings: given } = request.body;
      const kind = await kindOf(sourceType);
      const settings = readSettings(kind, given);
      const account = await chooseAccount(kind, { caller, connectionId }, db.connections);
      const wanted = { dealId, sourceType, name: name ?? nameOf(kind, settings), settings, connectionId: account.id };
      const asking = { correlationId: request.id, ...(caller.userId ? { userId: caller.userId } : {}) };
      const made = await db.dealSources.create({ ...wanted, createdBy: caller.userId ?? null, most: MOST_SOURCES }, asking);
      const [job] = made.asked ? await deliverAll(deps, { sync: made.asked }) : [];
      reply.header('location', `/api/deals/${dealId}/sources/${made.source.id}`);
      return reply.code(201).send(answer({ source: viewSource(made.source), jobId: job?.jobId ?? null }));
    },
  });

  app.get('/api/deals/:id/sources', {
    schema: {
      tags,
      summary: 'Sources of a deal, newest first',
      params: dealParams,
      response: { 200: success(z.object({ sources: z.array(source) })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { id: dealId } = await visible.deal(caller, request.params.id);
      return answer({ sources: (await visible.rows(caller).dealSources.list({ dealId })).map(viewSource) });
    },
  });

  app.get('/api/deals/:id/sources/:sourceId', {
    schema: {
      tags,
      summary: 'A source: how it is, what it has brought, its latest sync, its account',
      params: sourceParams,
      response: { 200: success(z.object({ source: sourceDetail })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const one = await visible.source(caller, request.params.sourceId, request.params.id);
      const rows = visible.rows(caller).dealSources;
      // The address of the account is for all who are in the deal: what it brings is theirs, too.
      const reading = one.connectionId === null ? undefined : db.connections.get(one.connectionId);
      const [counts, latest, account] = await Promise.all([rows.counts(one.id), rows.syncs({ sourceId: one.id, limit: 1 }), reading]);
      const { stored = 0, skipped = 0, failed = 0 } = counts;
      const latestSync = latest.items[0] ? viewSync(latest.items[0]) : null;
      return answer({
        source: { ...viewSource(one), account: account ? viewAccount(account) : null, items: { stored, skipped, failed }, latestSync },
      });
    },
  });
}
