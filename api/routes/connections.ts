import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Connection } from '../../lib/db/mail-types.ts';
import { NotFoundError } from '../../lib/errors.ts';
import { ACCESS, hasAccess } from '../../lib/oauth/access.ts';
import type { Arrival } from '../../lib/oauth/round-trip.ts';
import { explainFailure } from '../../lib/oauth/trip-failures.ts';
import { rowCallerOf, userIdOf } from '../access.ts';
import { browserKeyOf, keepBrowserKey } from '../browser-cookie.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { CONNECTION_PAGE_POLICY, renderConnectionPage } from '../pages/connection.html.ts';
import { answer, failures, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const tags = ['connections'];

const provider = z.enum(['google', 'microsoft'], 'must be google or microsoft');
const providerParams = z.object({ provider });
const connectionParams = z.object({ id: z.guid('must be the uuid of a connection').toLowerCase() });
const flag = z.enum(['true', 'false']).optional();

const connection = z.object({
  id: z.string(),
  userId: z.string(),
  provider,
  accountId: z.string().describe('The provider’s own id of the account'),
  email: z.string(),
  scopes: z.array(z.string()).describe('What was granted, in the provider’s words'),
  access: z.array(z.enum(ACCESS)).describe('What that allows'),
  status: z.enum(['active', 'reauth_required']).describe('reauth_required: its user must connect it again'),
  statusReason: z.string().nullable(),
  historyId: z.string().nullable().describe('How far the mailbox has been followed'),
  syncedAt: z.string().nullable().describe('The latest fetch that ended well'),
  watchExpiresAt: z.string().nullable().describe('Push notices of new mail come until then'),
  createdAt: z.string(),
  updatedAt: z.string(),
});

const departure = z.strictObject({
  access: z
    .string()
    .regex(/^(mail|files)(,(mail|files))*$/, 'must be mail, files or mail,files')
    .optional()
    .describe('What it is connected for: mail, files, or mail,files. Default: mail with Google, mail,files with Microsoft'),
  returnTo: z.string().max(2_000).optional().describe('Where the browser goes in the end: below an origin of CORS_ORIGINS, or of PUBLIC_URL'),
  loginHint: z.string().max(320).optional().describe('The address to be offered by the consent page'),
  redirect: flag.describe('true: answer 302 to the consent page instead of its address'),
});

const view = (one: Connection) => ({ ...one, access: ACCESS.filter((access) => hasAccess(one, access)) });

const disconnected = z.object({
  id: z.string(),
  revoked: z.boolean().describe('The provider has taken back its access, too. Microsoft has no way to do so'),
  grantsUrl: z.string().optional().describe('With Microsoft: the page where the user takes it back'),
});

export function connectionRoutes(app: App, { oauth, options }: Pick<ApiDeps, 'oauth' | 'options'>, visible: Visible): void {
  const countArrival = app.createRateLimit();

  /** By address: whoever comes back has no key, and each state is looked up. */
  async function admitArrival(request: FastifyRequest): Promise<void> {
    request.rateKey = `callback:${request.ip}`;
    const limit = await countArrival(request);
    if (!limit.isAllowed && limit.isExceeded) throw new HttpError(429, 'too_many_requests', 'Too many accounts at once from here. Wait a minute.');
  }

  app.get('/api/connections', {
    schema: {
      tags,
      summary: 'Connected accounts, newest first, without their tokens',
      description: 'A user’s own; a service sees those of the user in `X-User-Id`, or all.',
      response: { 200: success(z.object({ connections: z.array(connection) })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const owned = caller.userId === undefined ? {} : { userId: caller.userId };
      return answer({ connections: (await visible.rows(caller).connections.list(owned)).map(view) });
    },
  });

  app.get('/api/connections/:provider/start', {
    // A look at the headers must not begin a round trip.
    exposeHeadRoute: false,
    schema: {
      tags,
      summary: 'Begin to connect an account: the address of the provider’s consent page',
      description:
        'Good for ten minutes and one use. All that `access` names must be granted; what the account is connected for already stays. Called with a user’s token, the answer sets a cookie, and the account is connected only in the browser that has it: call it from that browser, with credentials. Called by a service for the user in `X-User-Id`, no cookie is asked for: the app must hand the address to that user’s browser alone.',
      params: providerParams,
      querystring: departure,
      response: { 200: success(z.object({ url: z.string() })), 302: z.undefined().describe('To the consent page'), ...failures },
    },
    handler: async (request, reply) => {
      const caller = rowCallerOf(request);
      const { returnTo, loginHint, redirect } = request.query;
      const userId = userIdOf(caller, 'connections');
      const browser = caller.kind === 'user' ? keepBrowserKey(request, reply, options.publicUrl) : null;
      const access = ACCESS.filter((one) => request.query.access?.split(',').includes(one));
      const asked = { userId, provider: request.params.provider, returnTo, loginHint, browser };
      const { url } = await oauth.roundTrip.depart({ ...asked, ...(access.length > 0 ? { access } : {}) });
      if (redirect === 'true') return reply.redirect(url, 302);
      return reply.code(200).send(answer({ url }));
    },
  });

  app.get('/api/connections/:provider/callback', {
    exposeHeadRoute: false,
    config: { access: 'open' },
    onRequest: admitArrival,
    schema: {
      tags,
      summary: 'Where the provider sends the browser back to',
      description:
        'Ends at `returnTo` with `connection=<id>` or `connection_error=<code>` in its query; without `returnTo` with a small page. Needs no key: it is bound to its start by the state, and to the browser by its cookie.',
      params: providerParams,
      response: { 200: z.string().describe('A page: the account is connected'), 303: z.undefined().describe('To `returnTo`'), ...pages },
    },
    handler: async (request, reply) => {
      const { searchParams } = new URL(request.url, options.publicUrl);
      return land(reply, await oauth.roundTrip.arrive(request.params.provider, searchParams, browserKeyOf(request)));
    },
  });

  app.delete('/api/connections/:id', {
    schema: {
      tags,
      summary: 'Disconnect an account: forget its tokens and its messages, and tell the provider',
      params: connectionParams,
      querystring: z.strictObject({ keepMessages: flag.describe('true: its fetched messages stay') }),
      response: {
        200: success(disconnected),
        ...failures,
      },
    },
    handler: async (request) => {
      const { id, userId } = await visible.connection(rowCallerOf(request), request.params.id);
      const done = await oauth.disconnect(id, { userId, keepMessages: request.query.keepMessages === 'true' });
      if (done === undefined) throw new NotFoundError('Connection', id);
      return answer({ id, ...done });
    },
  });
}

/** Failures of a callback are for people. */
const page = z.string().describe('A page that says what to do');
const pages = { '4xx': z.union([page, failures['4xx']]), '5xx': z.union([page, failures['5xx']]) };

function land(reply: FastifyReply, arrival: Arrival): FastifyReply {
  const [name, value] = arrival.outcome === 'connected' ? ['connection', arrival.connection.id] : ['connection_error', arrival.failure];
  if (arrival.returnTo !== null) {
    const back = new URL(arrival.returnTo);
    back.searchParams.set(name, value);
    return reply.redirect(back.href, 303);
  }
  const { status, html } = arrival.outcome === 'connected' ? connected(arrival.connection) : refused(arrival);
  return reply.code(status).header('content-security-policy', CONNECTION_PAGE_POLICY).type('text/html; charset=utf-8').send(html);
}

const connected = ({ email }: Connection) => ({
  status: 200,
  html: renderConnectionPage({ title: 'Connected', text: `${email} is connected. You can close this page.` }),
});

function refused({ failure, missing }: Extract<Arrival, { outcome: 'failed' }>) {
  const { status, message } = explainFailure(failure, missing);
  return { status, html: renderConnectionPage({ title: 'Not connected', text: message, code: failure }) };
}
