import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { hashOfSecret } from '../../lib/sources/notice-secret.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { createRefuseForged } from '../forged-notices.ts';
import { failures } from '../schemas.ts';

/** As Google sends them, with what we gave the channel when it was opened. What is not even of this form is not worth a look into the database. */
const notice = z.object({
  'x-goog-channel-id': z.uuid(),
  'x-goog-channel-token': z.string().regex(/^[\w-]{43}$/),
  'x-goog-resource-state': z.string().min(1).max(40),
  'x-goog-resource-id': z.string().min(1).max(500),
  'x-goog-message-number': z.string().regex(/^\d{1,30}$/),
});

/**
 * All that a notice says stands in its headers: something has changed. A message number that is not above the last is a replay, or has come too late
 * to matter: the sync that the later one has asked for sees what it told of. Google repeats only what was answered with 5xx.
 */
export function gdriveWebhookRoute(app: App, { db, relay }: ApiDeps): void {
  const refuse = createRefuseForged(app);

  async function take(request: FastifyRequest): Promise<void> {
    const parsed = notice.safeParse(request.headers);
    if (!parsed.success) return refuse(request, REFUSED);
    const { data: headers } = parsed;
    const outcome = await db.dealSources.notice({
      watchId: headers['x-goog-channel-id'],
      secretHash: hashOfSecret(headers['x-goog-channel-token']),
      resource: headers['x-goog-resource-id'],
      number: headers['x-goog-message-number'],
      // The channel is open: nothing has changed yet.
      ...(headers['x-goog-resource-state'] === 'sync' ? { about: 'nothing' } : {}),
    });
    if (outcome === 'forged') return refuse(request, REFUSED);
    if (outcome === 'replayed') throw new HttpError(409, 'notice_replayed', 'This notice, or a later one, has been taken before.');
    if (outcome === 'queued') relay.poke();
  }

  app.post('/api/webhooks/gdrive', {
    config: { access: 'open' },
    schema: {
      tags: ['sources'],
      summary: 'For Google Drive: something has changed in a drive that is synced',
      description:
        'Takes the notices of channels that Hivepulse has opened, known by their id and token (`X-Goog-Channel-ID`, `X-Goog-Channel-Token`), and asks for an incremental sync of the source. Any number of notices makes one sync that waits. A message number that came before is answered with 409.',
      response: { 204: z.undefined().describe('Taken'), ...failures },
    },
    // Before the body, which there is none of.
    onRequest: async (request: FastifyRequest, reply: FastifyReply) => {
      await take(request);
      return reply.code(204).send();
    },
    handler: async (_request, reply) => reply.code(204).send(),
  });
}

const REFUSED = 'This is for Google Drive, which names a channel of this installation and its token.';
