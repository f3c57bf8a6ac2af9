import { z } from 'zod';
import { rowCallerOf, userIdOf } from '../access.ts';
import type { App } from '../deps.ts';
import { answer, failures, pageQuery, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const tags = ['mail'];

const TIME = 'must be a time such as 2026-11-22T08:00:00Z, or a date';
/** Years that the database can count as we write them. */
const countable = (time: string): boolean => Date.parse(time) >= Date.parse('0001-01-01') && Date.parse(time) < Date.parse('9999-12-31');
const time = z.union([z.iso.datetime({ offset: true }), z.iso.date()], TIME).refine(countable, TIME);

/** NUL is nothing to the database. */
const hasWords = (words: string): boolean => words.replaceAll('\u0000', '').trim() !== '';
const words = (max: number) => z.string().max(max).refine(hasWords, 'must not be blank').optional();

const filters = z.strictObject({
  ...pageQuery.shape,
  search: words(500).describe('As in a web search box: words, "phrases", -without, or; in subject, sender and text'),
  label: words(200).describe('A label’s id, such as INBOX or UNREAD. Without one, spam and trash are left out'),
  threadId: words(200),
  connectionId: z.guid('must be the uuid of a connection').optional(),
  from: words(500).describe('A sender’s address'),
  after: time.optional().describe('Received at this time or later; a date means its midnight in UTC'),
  before: time.optional().describe('Received before this time'),
});

const person = z.object({ name: z.string().nullable(), address: z.string() });

const messageSummary = z.object({
  id: z.string().describe('Gmail’s; unique per user'),
  userId: z.string(),
  connectionId: z.string().nullable().describe('Null once the account was disconnected and its messages were kept'),
  threadId: z.string(),
  historyId: z.string(),
  receivedAt: z.string().describe('When Gmail got it'),
  sentAt: z.string().nullable().describe('The Date header, which may say anything'),
  fromName: z.string().nullable(),
  fromAddress: z.string().nullable(),
  people: z.object({ to: z.array(person), cc: z.array(person), bcc: z.array(person), replyTo: z.array(person) }),
  subject: z.string(),
  snippet: z.string(),
  labels: z.array(z.string()),
  attachments: z
    .array(
      z.object({ filename: z.string().nullable(), mimeType: z.string(), size: z.number(), attachmentId: z.string().nullable(), inline: z.boolean() }),
    )
    .describe('Listed; the files stay at Gmail'),
  sizeBytes: z.number(),
  fetchedAt: z.string().nullable().describe('Null for a message from before Hivepulse: the next fetch that comes upon it reads it again'),
});

const message = messageSummary.extend({
  text: z.string().describe('Plain text, made of the HTML where there is no other'),
  headers: z.record(z.string(), z.array(z.string())).describe('Names in lower case, values decoded, in their order'),
});

export function messageRoutes(app: App, visible: Visible): void {
  app.get('/api/messages', {
    schema: {
      tags,
      summary: 'Fetched messages, newest first, without their texts',
      querystring: filters,
      response: { 200: success(z.object({ messages: z.array(messageSummary), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { limit, after, before, ...rest } = request.query;
      const asked = { ...rest, after: instantOf(after), before: instantOf(before), userId: caller.userId };
      const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
      const page = await visible.rows(caller).messages.list({ limit, ...given });
      return answer({ messages: page.items, nextCursor: page.nextCursor });
    },
  });

  app.get('/api/messages/:id', {
    schema: {
      tags,
      summary: 'One message, with its text and headers',
      params: z.object({ id: z.string().min(1).max(200) }),
      response: { 200: success(z.object({ message })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      return answer({ message: await visible.message(caller, userIdOf(caller, 'messages'), request.params.id) });
    },
  });
}

/** A date alone means its midnight in UTC; the database would take that of its own time zone. */
function instantOf(time: string | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString();
}
