import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { createGroupCommit } from '../../lib/db/group-commit.ts';
import type { Db } from '../../lib/db/types.ts';
import { createVerifyNotice, type Notice, parseNotice } from '../../lib/mail/notices.ts';
import { hasAccess } from '../../lib/oauth/access.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { createRefuseForged } from '../forged-notices.ts';
import { failures } from '../schemas.ts';

/** Gmail's notices are some 500 bytes. */
const BODY_LIMIT_BYTES = 64 * 1024;

const example = {
  message: { data: 'eyJlbWFpbEFkZHJlc3MiOiJhbm5AZXhhbXBsZS5jb20iLCJoaXN0b3J5SWQiOjQyfQ==', messageId: '1' },
  subscription: 'projects/p/subscriptions/s',
};

/**
 * Whatever Google signed is answered with 204 unless asking again can help: Pub/Sub repeats everything else for days. A notice may come twice, late
 * and out of order: what it says of the mailbox counts, not that it came.
 */
export function gmailWebhookRoute(app: App, { db, relay, log, options }: ApiDeps): void {
  const { gmailPush } = options;
  const verify = gmailPush && createVerifyNotice(gmailPush);
  const refuse = createRefuseForged(app);
  const signed = new WeakSet<FastifyRequest>();
  const take = createGroupCommit({ commit: (notices: Notice[]) => askForEach(notices, db) });

  /** Before the body is read. */
  async function admit(request: FastifyRequest): Promise<void> {
    if (!verify)
      throw new HttpError(404, 'not_found', 'Push notices of Gmail are not set up here: set GOOGLE_PUBSUB_TOPIC and GOOGLE_PUBSUB_AUDIENCE.');
    if (await verify(request.headers.authorization)) return void signed.add(request);
    await refuse(request, 'This is for Google Pub/Sub, which signs its notices for the audience of this installation.');
  }

  function ignore(reason: string): void {
    log.warn({ event: 'gmail.notice_ignored', reason }, 'notice of new mail ignored');
  }

  app.post('/api/webhooks/gmail', {
    config: { access: 'open', requestBody: { 'application/json': { schema: { type: 'object', examples: [example] } } } },
    bodyLimit: BODY_LIMIT_BYTES,
    schema: {
      tags: ['mail'],
      summary: 'For Google Pub/Sub: there is something new in a mailbox',
      description:
        'Takes the push notices of Gmail, signed by Google for `GOOGLE_PUBSUB_AUDIENCE`, and asks for a fetch of each account with that address, unless the mailbox was followed past the notice, and for a sync of the sources on it, unless they were told of as much. Any number of notices makes one fetch, and one sync of each source, that waits.',
      response: { 204: z.undefined().describe('Taken, or of no use'), ...failures },
    },
    onRequest: admit,
    errorHandler: (error, request, reply) => {
      if (!signed.has(request) || !isUnreadable(error)) throw error;
      ignore('unreadable');
      return reply.code(204).send();
    },
    handler: async (request, reply) => {
      const notice = parseNotice(request.body);
      const asked = notice ? await take(notice) : 'malformed';
      if (asked === 'queued') relay.poke();
      if (asked === 'malformed' || asked === 'unknown') ignore(asked);
      return reply.code(204).send();
    },
  });
}

type Asked = 'queued' | 'nothing_new' | 'unknown';

/** Notices that came together: of a mailbox the newest says it all. */
async function askForEach(notices: readonly Notice[], db: Db): Promise<Asked[]> {
  const newest = new Map<string, Notice>();
  for (const notice of notices) {
    const other = newest.get(notice.email);
    if (!other || BigInt(notice.historyId) > BigInt(other.historyId)) newest.set(notice.email, notice);
  }
  const asked = new Map(await Promise.all([...newest].map(async ([email, notice]) => [email, await askForMailboxes(notice, db)] as const)));
  return notices.map(({ email }) => asked.get(email) ?? 'unknown');
}

/** Several users may have connected one mailbox. Its sources are told apart from its fetch: one may have followed past the notice, and the other not. */
async function askForMailboxes({ email, historyId }: Notice, { connections, dealSources }: Db): Promise<Asked> {
  const known = await connections.list({ provider: 'google', email, status: 'active' });
  const accounts = known.filter((account) => hasAccess(account, 'mail'));
  if (accounts.length === 0) return 'unknown';
  const [fetches, syncs] = await Promise.all([
    Promise.all(accounts.map(({ id }) => connections.askForMailbox(id, 'push', historyId))),
    Promise.all(accounts.map(({ id }) => dealSources.noticeMailbox(id, historyId))),
  ]);
  return fetches.some(({ outcome }) => outcome === 'queued') || syncs.some((count) => count > 0) ? 'queued' : 'nothing_new';
}

/** A body that is too long, or no JSON: it will not be another one next time. */
function isUnreadable(error: Error & { statusCode?: number }): boolean {
  const status = error instanceof HttpError ? error.status : error.statusCode;
  return status === 400 || status === 413 || status === 415;
}
