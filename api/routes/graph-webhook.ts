import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { NoticeOutcome } from '../../lib/db/source-types.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { createRefuseForged } from '../forged-notices.ts';
import { graphNotices, MOST_ENTRIES, readGraphNotice } from '../graph-notices.ts';
import { failures } from '../schemas.ts';

const BODY_LIMIT_BYTES = 256 * 1024;
/** Graph's are some 100 characters. */
const LONGEST_TOKEN = 2_000;

const example = {
  value: [
    {
      subscriptionId: '7f105c7d-2dc5-4530-97cd-4e7ae6534c07',
      clientState: 'the secret that the subscription was made with',
      changeType: 'updated',
      resource: 'drives/b!1/root',
      subscriptionExpirationDateTime: '2026-12-01T08:00:00.0000000Z',
    },
  ],
};

/** Graph repeats for hours whatever it gets no 2xx for: a batch is refused only where nothing in it is of use. */
export function graphWebhookRoute(app: App, { db, relay, clock, log }: ApiDeps): void {
  const refuse = createRefuseForged(app);

  /** Graph asks in this way whether an address is the owner's, while it makes a subscription. */
  async function shakeHands(request: FastifyRequest, reply: FastifyReply) {
    // As Fastify has parsed the query.
    const { validationToken: token } = request.query as Record<string, unknown>;
    if (token === undefined) return;
    if (typeof token !== 'string' || token.length === 0 || token.length > LONGEST_TOKEN || /\p{Cc}/u.test(token))
      throw new HttpError(400, 'invalid_input', 'validationToken is not one that Microsoft Graph sends.');
    return reply.type('text/plain; charset=utf-8').send(token);
  }

  async function take(value: readonly unknown[]): Promise<Set<NoticeOutcome>> {
    const read = value.map((one) => readGraphNotice(one, clock.now()));
    const outcomes = await Promise.all(read.map((one) => (typeof one === 'string' ? one : db.dealSources.notice(one))));
    const refused = outcomes.filter((outcome) => outcome === 'forged' || outcome === 'replayed').length;
    if (refused > 0 && refused < outcomes.length)
      log.info({ event: 'source.notices_refused', refused, notices: outcomes.length }, 'notices of Microsoft Graph refused');
    return new Set(outcomes);
  }

  app.post('/api/webhooks/graph', {
    config: { access: 'open', requestBody: { 'application/json': { schema: { type: 'object', examples: [example] } } } },
    bodyLimit: BODY_LIMIT_BYTES,
    schema: {
      tags: ['sources'],
      summary: 'For Microsoft Graph: something has changed in a library or mailbox that is synced',
      description:
        'Takes the notices of subscriptions that Hivepulse has made, known by their id and `clientState`, and asks for an incremental sync of the source; lifecycle notices come here, too. Any number of notices makes one sync that waits. With `validationToken` in the query it answers the token, as text.',
      response: { 202: z.undefined().describe('Taken, what is genuine of it'), ...failures },
    },
    onRequest: shakeHands,
    handler: async (request, reply) => {
      const body = graphNotices.safeParse(request.body);
      if (!body.success) return refuse(request, `${REFUSED} The body is { "value": [ … ] }, with ${MOST_ENTRIES} notices at most.`);
      const outcomes = await take(body.data.value);
      if (outcomes.has('queued')) relay.poke();
      const isOfUse = [...outcomes].some((outcome) => outcome !== 'forged' && outcome !== 'replayed');
      if (!isOfUse && !outcomes.has('replayed')) return refuse(request, REFUSED);
      if (!isOfUse) throw new HttpError(409, 'notice_replayed', 'This notice has been taken before, or is of a subscription that has ended.');
      return reply.code(202).send();
    },
  });
}

const REFUSED = 'This is for Microsoft Graph, which names a subscription of this installation and its clientState.';
