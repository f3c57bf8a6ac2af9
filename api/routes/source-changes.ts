import { z } from 'zod';
import type { DealSource, SourceChanges } from '../../lib/db/source-types.ts';
import { messageOf, NotFoundError } from '../../lib/errors.ts';
import type { SyncType } from '../../lib/jobs/source-sync.ts';
import { deadlineIn, within } from '../../lib/lifecycle.ts';
import type { SourceKind } from '../../lib/sources/contract.ts';
import { rowCallerOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import { deliverAll } from '../deliver.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { answer, failures, success } from '../schemas.ts';
import { chooseAccount, problemOf } from '../source-accounts.ts';
import { source, sourceChanges, sourceParams, tags, viewSource } from '../source-schemas.ts';
import { kindOf, namesOthers, readSettings } from '../source-settings.ts';
import type { Visible } from '../visible.ts';

const REMOVE_WITHIN_MS = 30_000;
const UNWATCH_WITHIN_MS = 5_000;

/** Sources are changed, paused and removed. */
export function sourceChangeRoutes(app: App, deps: ApiDeps, visible: Visible): void {
  const { db, storage, log } = deps;

  app.patch('/api/deals/:id/sources/:sourceId', {
    schema: {
      tags,
      summary: 'Rename, pause or resume a source, change what of the account is synced, or give it another account',
      description:
        'Other settings or another account mean a full sync, resuming an incremental one (`jobId`; null where none was asked for). What of an account is synced is for its owner to say: others name an account of their own along with the settings.',
      params: sourceParams,
      body: sourceChanges,
      response: { 200: success(z.object({ source, jobId: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const before = await visible.source(caller, request.params.sourceId, request.params.id);
      const kind = await kindOf(before.sourceType);
      const changes = await readChanges(before, kind, { ...request.body, caller });
      const anew = isOther(before, changes);
      if (anew) {
        await requireUnlike(before, changes);
        await unwatch(before);
      }
      const changed = await db.dealSources.change(before.id, changes);
      if (!changed) throw new NotFoundError('Source', before.id);
      const syncType = anew ? 'full' : before.paused && !changed.paused ? 'incremental' : undefined;
      const jobId = syncType && !changed.paused ? await ask(changed, kind, syncType, asking(request.id, caller)) : null;
      return answer({ source: viewSource(changed), jobId });
    },
  });

  app.delete('/api/deals/:id/sources/:sourceId', {
    schema: {
      tags,
      summary: 'Remove a source; what it brought stays, unless documents=remove says otherwise',
      description:
        'By default documents and mails stay in the deal, with their summaries and risks: whoever stops following a folder has not said that the deal should lose what briefs refer to, and what is removed has to be read, and paid for, again. `documents=remove` takes away what no other source of the deal has, files included. Nothing is changed at the source itself.',
      params: sourceParams,
      querystring: z.strictObject({ documents: z.enum(['keep', 'remove'], 'must be keep or remove').default('keep') }),
      response: { 200: success(z.object({ id: z.string(), documents: z.enum(['keep', 'remove']) })), ...failures },
    },
    handler: async (request) => {
      const { documents } = request.query;
      const one = await visible.source(rowCallerOf(request), request.params.sourceId, request.params.id);
      await unwatch(one);
      const removed = await db.dealSources.remove(one.id, { keep: documents === 'keep' });
      if (!removed) throw new NotFoundError('Source', one.id);
      await removeFiles(removed.paths);
      return answer({ id: one.id, documents });
    },
  });

  async function accountOf({ connectionId }: Pick<DealSource, 'connectionId'>) {
    return connectionId === null ? undefined : db.connections.get(connectionId);
  }

  async function readChanges(
    before: DealSource,
    kind: SourceKind,
    { caller, connectionId, settings, ...same }: GivenChanges,
  ): Promise<SourceChanges> {
    const account = connectionId === undefined ? undefined : await chooseAccount(kind, { caller, connectionId }, db.connections);
    const read = settings === undefined ? undefined : readSettings(kind, settings);
    if (read && !account) await requireOwner(before, caller);
    return { ...same, ...(read ? { settings: read } : {}), ...(account ? { connectionId: account.id } : {}) };
  }

  /** Else any member of the deal could have a look at whatever another one's account can see. */
  async function requireOwner(before: DealSource, { userId }: RowCaller): Promise<void> {
    const account = userId === undefined ? undefined : await accountOf(before);
    if (!account || account.userId === userId) return;
    const message = 'body.settings: what is read of an account is for its owner to say. Name an account of your own in connectionId as well';
    throw new HttpError(403, 'forbidden', message, { issues: [{ path: 'body.settings', message }] });
  }

  async function requireUnlike(before: DealSource, changes: SourceChanges): Promise<void> {
    const { dealId, sourceType } = before;
    const others = (await db.dealSources.list({ dealId, sourceType })).filter(({ id }) => id !== before.id);
    const same = others.find((other) => !isOther(other, { connectionId: before.connectionId ?? '', settings: before.settings, ...changes }));
    if (same) throw new HttpError(409, 'source_exists', `The deal has this source already: ${same.id}`, { sourceId: same.id });
  }

  /** Null where its account cannot be read: it is asked for when the account is connected again. */
  async function ask(one: DealSource, kind: SourceKind, syncType: SyncType, options: ReturnType<typeof asking>): Promise<string | null> {
    const account = await accountOf(one);
    if (!account || problemOf(kind, account)) return null;
    const sync = await db.dealSources.ask(one.id, syncType, options);
    const [job] = sync ? await deliverAll(deps, { sync }) : [];
    return job?.jobId ?? null;
  }

  /** Best effort: notices of what is not followed any more are refused here, and end by themselves. */
  async function unwatch(one: DealSource): Promise<void> {
    const stopped = deps.sourceWatches.stop(one).catch((error: unknown) => {
      log.info({ event: 'source.watch_left', sourceId: one.id, error: messageOf(error) }, 'notices of a source could not be ended at its provider');
    });
    await within(stopped, deadlineIn(UNWATCH_WITHIN_MS), undefined);
  }

  /** Best effort: nobody knows of them any more, and they cost space alone. */
  async function removeFiles(paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return;
    await storage.remove(paths, { signal: AbortSignal.timeout(REMOVE_WITHIN_MS) }).catch((error: unknown) => {
      log.warn({ event: 'document.file_left', paths: paths.length, error: messageOf(error) }, 'files that no document has could not be removed');
    });
  }
}

type GivenChanges = z.infer<typeof sourceChanges> & { caller: RowCaller };

const asking = (correlationId: string, { userId }: RowCaller) => ({ correlationId, ...(userId ? { userId } : {}) });

/** Whether these changes make it one of other items. */
function isOther(one: DealSource, { settings = one.settings, connectionId = one.connectionId ?? '' }: SourceChanges): boolean {
  return connectionId !== (one.connectionId ?? '') || namesOthers(one.settings, settings);
}
