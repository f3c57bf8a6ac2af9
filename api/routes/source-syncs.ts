import { z } from 'zod';
import { NotFoundError } from '../../lib/errors.ts';
import { rowCallerOf } from '../access.ts';
import { deliverAll } from '../deliver.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { answer, failures, pageQuery, success } from '../schemas.ts';
import { requireReadable } from '../source-accounts.ts';
import { itemsQuery, sourceItem, sourceParams, sourceSync, syncType, tags, viewItem, viewSync } from '../source-schemas.ts';
import { kindOf } from '../source-settings.ts';
import type { Visible } from '../visible.ts';

/** What syncs of a source do, did, and found. */
export function sourceSyncRoutes(app: App, deps: ApiDeps, visible: Visible): void {
  const { db } = deps;

  app.post('/api/deals/:id/sources/:sourceId/sync', {
    schema: {
      tags,
      summary: 'Sync a source now',
      description:
        '`incremental` (the default) asks for what has changed, `full` lists all there is and finds what is gone; neither reads again what has not changed. Asked again while one waits, that one is the answer. 409 where the source is paused, or its account has to be connected again.',
      params: sourceParams,
      body: z
        .strictObject({ type: syncType.exactOptional() })
        .nullish()
        .meta({ examples: [{ type: 'incremental' }, { type: 'full' }] }),
      response: { 202: success(z.object({ jobId: z.string(), deduplicated: z.boolean() })), ...failures },
    },
    handler: async (request, reply) => {
      const caller = rowCallerOf(request);
      const source = await visible.source(caller, request.params.sourceId, request.params.id);
      if (source.paused) throw paused(source.dealId, source.id);
      const account = source.connectionId === null ? undefined : await db.connections.get(source.connectionId);
      requireReadable(await kindOf(source.sourceType), source, account);
      const options = { correlationId: request.id, ...(caller.userId ? { userId: caller.userId } : {}) };
      const sync = await db.dealSources.ask(source.id, request.body?.type ?? 'incremental', options);
      if (!sync) throw new NotFoundError('Source', source.id);
      const [job = { jobId: sync.jobId, deduplicated: false }] = await deliverAll(deps, { sync });
      return reply.code(202).send(answer({ jobId: job.jobId, deduplicated: job.deduplicated }));
    },
  });

  app.get('/api/deals/:id/sources/:sourceId/syncs', {
    schema: {
      tags,
      summary: 'Syncs of a source and what they did, newest first',
      params: sourceParams,
      querystring: pageQuery,
      response: { 200: success(z.object({ syncs: z.array(sourceSync), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { id: sourceId } = await visible.source(caller, request.params.sourceId, request.params.id);
      const { limit, cursor } = request.query;
      const page = await visible.rows(caller).dealSources.syncs({ sourceId, limit, ...(cursor ? { cursor } : {}) });
      return answer({ syncs: page.items.map(viewSync), nextCursor: page.nextCursor });
    },
  });

  app.get('/api/deals/:id/sources/:sourceId/items', {
    schema: {
      tags,
      summary: 'Files and mails of a source, by their names: stored, left out, failed, and why',
      params: sourceParams,
      querystring: itemsQuery,
      response: { 200: success(z.object({ items: z.array(sourceItem), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { id: sourceId } = await visible.source(caller, request.params.sourceId, request.params.id);
      const { limit, cursor, state } = request.query;
      const filter = { sourceId, limit, ...(cursor ? { cursor } : {}), ...(state ? { state } : {}) };
      const page = await visible.rows(caller).dealSources.items(filter);
      return answer({ items: page.items.map(viewItem), nextCursor: page.nextCursor });
    },
  });
}

function paused(dealId: string, id: string): HttpError {
  const message = `The source is paused: let it go on with PATCH /api/deals/${dealId}/sources/${id} { "paused": false }`;
  return new HttpError(409, 'source_paused', message);
}
