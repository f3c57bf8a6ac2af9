import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { NewEmail } from '../../lib/db/deal-types.ts';
import { contentHash } from '../../lib/emails/hash.ts';
import { plainMessageId, threadIdOf } from '../../lib/emails/message-ids.ts';
import { NotFoundError } from '../../lib/errors.ts';
import { EMAIL_OPERATIONS } from '../../lib/jobs/email-processing.ts';
import { invalidInput } from '../../lib/payload.ts';
import { rowCallerOf } from '../access.ts';
import {
  askedJob,
  blocker,
  dealId,
  dealParams,
  email,
  emailOperation,
  emailParams,
  emailSummary,
  person,
  step,
  tags,
  viewEmail,
  viewStep,
} from '../deal-schemas.ts';
import { deliverAll } from '../deliver.ts';
import type { ApiDeps, App } from '../deps.ts';
import { allowSlowBody } from '../plugins/slow-bodies.ts';
import { answer, failures, pageQuery, success } from '../schemas.ts';
import { acceptMails, drain, type Upload, uploadOf } from '../uploads.ts';
import type { Visible } from '../visible.ts';

const id = z.string().min(1).max(1_000).nullable().default(null);
const newEmail = z.strictObject({
  dealId,
  messageId: id.describe('The Message-ID of its headers, with or without < >: the same one in the same deal is stored once'),
  threadId: id.describe('Default: that of the message it replies to, else its own messageId'),
  inReplyTo: id,
  fromName: z.string().max(500).nullable().default(null),
  fromAddress: z.string().max(500).nullable().default(null),
  recipients: z
    .array(person.extend({ name: z.string().max(500).nullable().default(null), address: z.string().min(1).max(500) }))
    .max(1_000)
    .default([]),
  subject: z.string().max(2_000).nullable().default(null),
  sentAt: z.iso.datetime({ offset: true }).nullable().default(null),
  text: z.string().max(1_000_000).regex(/\S/, 'must not be blank').describe('As it was sent: quoted history and signature are found and left aside'),
});

const WIRE = 'message/rfc822';
const rawQuery = z.strictObject({ dealId: dealId.optional().describe('Of a message/rfc822 body') });

const example = {
  dealId: '00000000-0000-4000-8000-000000000000',
  messageId: '<offer-2@example.com>',
  inReplyTo: '<offer-1@example.com>',
  fromName: 'Ana Silva',
  fromAddress: 'ana@example.com',
  recipients: [{ name: null, address: 'counsel@example.com' }],
  subject: 'Re: Disclosure schedules',
  sentAt: '2026-11-22T08:00:00Z',
  text: 'We cannot sign before the schedules are complete. Could you send them by Friday?',
};
const requestBody = {
  'application/json': { schema: { ...z.toJSONSchema(newEmail, { io: 'input' }), examples: [example] } },
  [WIRE]: { schema: { type: 'string', format: 'binary' } },
};

const stored = success(
  z.object({ email, jobs: z.array(askedJob), deduplicated: z.boolean().describe('It was there already: nothing was asked for') }),
);
const RULES = {
  fields: 'dealId',
  tooLong: 'Mails of that size do not travel: upload its attachments as documents.',
  cut: 'Nothing of it is stored: send it again.',
};

/** Registered in a scope of its own, which takes mails as they came over the wire. */
export async function emailRoutes(app: App, deps: ApiDeps, visible: Visible): Promise<void> {
  const { db } = deps;

  await app.register(async (scope: App) => {
    acceptMails(scope);
    scope.post('/api/emails', {
      config: { requestBody },
      bodyLimit: JSON_LIMIT_BYTES,
      schema: {
        tags,
        summary: 'Add an e-mail to a deal: JSON, or the mail itself (message/rfc822)',
        description:
          'Sentiment, and what holds its thread up, are asked for at once. A mail whose Message-ID the deal has already is not stored twice (200).',
        querystring: rawQuery,
        response: { 200: stored.describe('It was there already'), 201: stored, ...failures },
      },
      handler: async (request, reply) => {
        const caller = rowCallerOf(request);
        try {
          const given = isWire(request) ? await wireMail(request) : jsonMail(request.body);
          const deal = await visible.deal(caller, given.dealId);
          const fields = await given.read();
          const asking = { correlationId: request.id, ...(caller.userId ? { userId: caller.userId } : {}) };
          const owned = { dealId: deal.id, createdBy: caller.userId ?? null, source: 'api', sourceRef: null };
          const made = await db.emails.create({ ...fields, ...owned }, asking);
          const jobs = await deliverAll(deps, made.asked, EMAIL_OPERATIONS);
          return reply
            .code(made.outcome === 'created' ? 201 : 200)
            .header('location', `/api/emails/${made.email.id}`)
            .send(answer({ email: viewEmail(made.email), jobs, deduplicated: made.outcome === 'known' }));
        } catch (error) {
          drain(request);
          throw error;
        }
      },
    });
  });

  app.get('/api/emails', {
    schema: {
      tags,
      summary: 'E-mails, newest first, without their texts',
      querystring: pageQuery.extend({ dealId: dealId.optional(), threadId: z.string().min(1).max(1_000).optional() }),
      response: { 200: success(z.object({ emails: z.array(emailSummary), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { limit, cursor, threadId, dealId: wanted } = request.query;
      const page = await visible.rows(caller).emails.list({
        limit,
        ...(await visible.dealFilter(caller, wanted)),
        ...(cursor ? { cursor } : {}),
        ...(threadId ? { threadId } : {}),
      });
      return answer({ emails: page.items.map(viewEmail), nextCursor: page.nextCursor });
    },
  });

  app.get('/api/emails/:id', {
    schema: {
      tags,
      summary: 'An e-mail: its text, its sentiment, how far its steps are',
      params: emailParams,
      response: { 200: success(z.object({ email: email.extend({ steps: z.array(step) }) })), ...failures },
    },
    handler: async (request) => {
      const found = await visible.email(rowCallerOf(request), request.params.id);
      const steps = await db.dealSteps.list('email', found.id);
      return answer({ email: { ...viewEmail(found), steps: steps.map(viewStep) } });
    },
  });

  app.post('/api/emails/:id/process', {
    schema: {
      tags,
      summary: 'Ask for work on an e-mail; unchanged ones cost nothing unless forced',
      params: emailParams,
      body: z.strictObject({ operation: emailOperation.exactOptional(), force: z.boolean().optional() }).nullish(),
      response: { 202: success(z.object({ emailId: z.string(), jobs: z.array(askedJob) })), ...failures },
    },
    handler: async (request, reply) => {
      const caller = rowCallerOf(request);
      const found = await visible.email(caller, request.params.id);
      const { operation, force = false } = request.body ?? {};
      const options = { correlationId: request.id, force, ...(caller.userId ? { userId: caller.userId } : {}) };
      const asked = await db.emails.ask(found.id, operation ? [operation] : EMAIL_OPERATIONS, options);
      if (!asked) throw new NotFoundError('E-mail', found.id);
      return reply.code(202).send(answer({ emailId: found.id, jobs: await deliverAll(deps, asked, EMAIL_OPERATIONS) }));
    },
  });

  app.get('/api/deals/:id/blockers', {
    schema: {
      tags,
      summary: 'What holds the threads of a deal up, and what did: who owes what to whom by when',
      params: dealParams,
      querystring: pageQuery.extend({ status: z.enum(['open', 'resolved']).optional() }),
      response: { 200: success(z.object({ blockers: z.array(blocker), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const deal = await visible.deal(caller, request.params.id);
      const { limit, cursor, status } = request.query;
      const filter = { limit, dealId: deal.id, ...(cursor ? { cursor } : {}), ...(status ? { status } : {}) };
      const page = await visible.rows(caller).emails.blockers(filter);
      return answer({ blockers: page.items, nextCursor: page.nextCursor });
    },
  });
}

/** A text of a million characters in JSON, whatever they are. */
const JSON_LIMIT_BYTES = 8 * 1024 * 1024;

type MailFields = Omit<NewEmail, 'dealId' | 'createdBy' | 'source' | 'sourceRef'>;

/** Read once it is known whose deal it is for. */
interface GivenMail {
  dealId: string;
  read(): Promise<MailFields>;
}

const isWire = ({ headers }: FastifyRequest): boolean => headers['content-type']?.startsWith(WIRE) === true;

/** The parser is loaded with the first mail that needs it. */
async function wireMail(request: FastifyRequest): Promise<GivenMail> {
  const { LARGEST_EMAIL, parseEmail } = await import('../../lib/emails/parse.ts');
  const query = z.object({ dealId }).safeParse(request.query);
  if (!query.success) throw invalidInput('input', query.error, 'query');
  const upload = await uploadOf(request, { ...RULES, limitBytes: LARGEST_EMAIL });
  const read = async () => {
    allowSlowBody(request);
    return parseEmail(upload ? await bytesOf(upload) : new Uint8Array());
  };
  return { dealId: query.data.dealId, read };
}

function jsonMail(body: unknown): GivenMail {
  const parsed = newEmail.safeParse(body);
  if (!parsed.success) throw invalidInput('input', parsed.error, 'body');
  return { dealId: parsed.data.dealId, read: async () => toEmail(parsed.data) };
}

function toEmail({ dealId: _, ...given }: z.infer<typeof newEmail>): MailFields {
  const ids = { messageId: plain(given.messageId), inReplyTo: plain(given.inReplyTo) };
  const hash = contentHash(given);
  const threadId = plain(given.threadId) ?? threadIdOf({ ...ids, references: [] }) ?? `content-${hash.slice(0, 32)}`;
  return { ...given, ...ids, threadId, contentHash: hash };
}

/** As mails that come over the wire have it: without < >. Ids of providers have none, and may hold anything. */
const plain = (given: string | null): string | null => (given?.startsWith('<') ? plainMessageId(given) : given);

async function bytesOf({ source }: Upload): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}
