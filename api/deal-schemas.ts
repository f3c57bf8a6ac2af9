import { z } from 'zod';
import { type DealDocument, type DealEmail, type DealStep, DOCUMENT_STATUSES } from '../lib/db/deal-types.ts';
import { DOCUMENT_OPERATIONS, WORKSTREAMS } from '../lib/jobs/document-processing.ts';
import { EMAIL_OPERATIONS } from '../lib/jobs/email-processing.ts';
import { cronProblem } from '../lib/schedules/cron.ts';
import { isTimeZone } from '../lib/time-zone.ts';
import { text } from './schemas.ts';

export const tags = ['deal room'];
export const dealParams = z.object({ id: z.guid('must be the uuid of a deal') });
export const documentParams = z.object({ id: z.guid('must be the uuid of a document') });
export const emailParams = z.object({ id: z.guid('must be the uuid of an e-mail') });
export const dealId = z.guid('must be the uuid of a deal');

const dealStatus = z.enum(['active', 'paused', 'closed']);
export const workstream = z.enum(WORKSTREAMS);
export const documentStatus = z.enum(DOCUMENT_STATUSES);
export const severity = z.enum(['low', 'medium', 'high', 'critical']);
export const documentOperation = z.enum(DOCUMENT_OPERATIONS, `must be one of ${DOCUMENT_OPERATIONS.join(', ')}`);
export const emailOperation = z.enum(EMAIL_OPERATIONS, `must be one of ${EMAIL_OPERATIONS.join(', ')}`);

const timeZone = z.string().max(100).refine(isTimeZone, 'must be an IANA time zone such as America/New_York');

const OFF = 'off';
const briefTime = z
  .string()
  .max(200)
  .superRefine((time, context) => {
    const problem = time.trim() === OFF ? undefined : cronProblem(time);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: `must be a cron expression of five fields, or off: ${problem}` });
  });

/** One blank between its fields. In a schema it would cost the documentation its examples: zod drops those of schemas that change what they read. */
export function tidy<T extends { briefTime?: string | null }>(given: T): T {
  return typeof given.briefTime === 'string' ? { ...given, briefTime: given.briefTime.trim().split(/\s+/).join(' ') } : given;
}

const briefDelivery = z.strictObject({
  mail: z.array(z.email()).max(50).exactOptional(),
  webhook: z.boolean().exactOptional().describe('To BRIEF_WEBHOOK_URL'),
});

const dealFields = {
  name: text({ max: 300 }),
  description: z.string().max(10_000).nullable(),
  status: dealStatus.describe('Briefs are made for active deals alone'),
  timeZone: timeZone.nullable().describe('IANA name; null: TIMEZONE'),
  briefTime: briefTime.nullable().describe('Five-field cron expression in that zone, or off; null: DAILY_BRIEF_TIME'),
  briefDelivery: briefDelivery.describe('Where finished briefs go besides'),
};

export const newDeal = z.strictObject({
  ...dealFields,
  description: dealFields.description.default(null),
  status: dealFields.status.default('active'),
  timeZone: dealFields.timeZone.default(null),
  briefTime: dealFields.briefTime.default(null),
  briefDelivery: dealFields.briefDelivery.default({}),
  id: z.uuid('must be a uuid: it becomes the id of the deal').exactOptional().describe('Makes the call safe to repeat'),
});

const { name, description, status, timeZone: zone, briefTime: time, briefDelivery: delivery } = dealFields;
export const dealChanges = z
  .strictObject({
    name: name.exactOptional(),
    description: description.exactOptional(),
    status: status.exactOptional(),
    timeZone: zone.exactOptional(),
    briefTime: time.exactOptional(),
    briefDelivery: delivery.exactOptional(),
  })
  .refine((changes) => Object.keys(changes).length > 0, 'must name what changes');

export const dealStatuses = dealStatus;

export const deal = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  status: dealStatus,
  createdBy: z.string().nullable(),
  timeZone: z.string().nullable(),
  briefTime: z.string().nullable(),
  briefDelivery: z.object({ mail: z.array(z.string()).exactOptional(), webhook: z.boolean().exactOptional() }),
  createdAt: z.string(),
  updatedAt: z.string(),
});

export const member = z.object({ userId: z.string(), role: z.string() });

export const documentSummary = z.object({
  id: z.string(),
  dealId: z.string(),
  createdBy: z.string().nullable(),
  name: z.string(),
  mimeType: z.string().nullable().describe('As the sender said it'),
  sizeBytes: z.number().nullable(),
  contentHash: z.string().nullable().describe('SHA-256 of the file, in hex'),
  source: z.string(),
  version: z.number(),
  status: documentStatus,
  statusReason: z.string().nullable().describe('Why it failed, or what of it did'),
  format: z.string().nullable(),
  title: z.string().nullable(),
  language: z.string().nullable(),
  pages: z.number().nullable(),
  characters: z.number().nullable(),
  ocrPages: z.number().nullable(),
  summary: z.string().nullable(),
  keyPoints: z.array(z.object({ point: z.string(), page: z.number().nullable() })),
  workstream: workstream.nullable(),
  documentType: z.string().nullable(),
  classConfidence: z.number().nullable(),
  readAt: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
});

/** Without what is ours alone: where its file is, what the reading was made from. */
export function viewDocument({
  storagePath: _path,
  readHash: _hash,
  reading: _reading,
  sourceRef: _ref,
  ...shown
}: DealDocument): z.infer<typeof documentSummary> {
  return shown;
}

export const step = z.object({
  operation: z.string(),
  status: z.enum(['queued', 'processing', 'succeeded', 'failed', 'cancelled']),
  error: z.string().nullable(),
  errorCode: z.string().nullable(),
  jobId: z.string().nullable(),
  updatedAt: z.string(),
});

export function viewStep({ operation, status: state, error, errorCode, jobId, updatedAt }: DealStep): z.infer<typeof step> {
  return { operation, status: state, error, errorCode, jobId, updatedAt };
}

export const risk = z.object({
  id: z.string(),
  documentId: z.string(),
  dealId: z.string(),
  category: z.string(),
  severity,
  explanation: z.string(),
  quote: z.string().describe('Stands in the document, to the letter'),
  page: z.number().nullable(),
  section: z.array(z.string()).describe('The headings it stands below, outermost first'),
  model: z.string().nullable(),
  promptVersion: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
});

export const person = z.object({ name: z.string().nullable(), address: z.string() });

export const emailSummary = z.object({
  id: z.string(),
  dealId: z.string(),
  createdBy: z.string().nullable(),
  messageId: z.string().nullable(),
  threadId: z.string().nullable(),
  inReplyTo: z.string().nullable(),
  fromName: z.string().nullable(),
  fromAddress: z.string().nullable(),
  recipients: z.array(person),
  subject: z.string().nullable(),
  sentAt: z.string().nullable(),
  source: z.string(),
  sentiment: z.string().nullable().describe('positive, neutral, negative or mixed; null before it was analysed'),
  sentimentScore: z.number().nullable().describe('-1 to 1'),
  urgency: z.string().nullable(),
  sentimentModel: z.string().nullable(),
  sentimentPromptVersion: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
});
export const email = emailSummary.extend({ text: z.string().describe('As it was sent, quoted history and signature included') });

export function viewEmail({ contentHash: _hash, sourceRef: _ref, ...shown }: DealEmail): z.infer<typeof email> {
  return shown;
}

export const blocker = z.object({
  id: z.string(),
  dealId: z.string(),
  threadId: z.string(),
  subject: z.string().nullable(),
  status: z.enum(['open', 'resolved']),
  summary: z.string(),
  items: z.array(
    z.object({
      what: z.string(),
      owedBy: z.string().nullable(),
      owedTo: z.string().nullable(),
      dueDate: z.string().nullable(),
      messageIds: z.array(z.string()),
    }),
  ),
  messageIds: z.array(z.string()).describe('Of the messages that it follows from'),
  resolvedBy: z.array(z.string()),
  model: z.string().nullable(),
  promptVersion: z.string().nullable(),
  openedAt: z.string(),
  resolvedAt: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
});

export const askedJob = z.object({ operation: z.string(), jobId: z.string(), deduplicated: z.boolean() });
