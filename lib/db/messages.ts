import { z } from 'zod';
import type { CachedMessage, MessageFilter, MessageSummary, MessagesTable } from './mail-types.ts';
import { type Client, callJson, parseRow } from './rest.ts';
import { decodeCursor, integer, isUuid, jsonText, timestamp, toPage } from './rows.ts';

const text = z.string().nullable();
/** Rows from before Hivepulse lack most of it until they are read anew. */
const textOrEmpty = text.transform((value) => value ?? '');
const person = z.object({ name: text, address: z.string() });
const persons = z.array(person).catch([]);
const NOBODY = { to: [], cc: [], bcc: [], replyTo: [] };
const attachment = z.object({ filename: text, mimeType: z.string(), size: z.number(), attachmentId: text, inline: z.boolean() });

const row = z.object({
  user_id: z.string(),
  message_id: z.string(),
  connection_id: text,
  thread_id: textOrEmpty,
  history_id: textOrEmpty,
  received_at: timestamp,
  sent_at: timestamp.nullable(),
  from_name: text,
  from_address: text,
  people: z.object({ to: persons, cc: persons, bcc: persons, replyTo: persons }).catch(NOBODY),
  subject: textOrEmpty,
  snippet: textOrEmpty,
  labels: z.array(z.string()).catch([]),
  attachments: z.array(attachment).catch([]),
  size_bytes: integer.nullable().transform((bytes) => bytes ?? 0),
  fetched_at: timestamp.nullable(),
});
const wholeRow = row.extend({ text: textOrEmpty, headers: z.record(z.string(), z.array(z.string())).catch({}) });

const toSummary = (found: z.infer<typeof row>): MessageSummary => ({
  id: found.message_id,
  userId: found.user_id,
  connectionId: found.connection_id,
  threadId: found.thread_id,
  historyId: found.history_id,
  receivedAt: found.received_at,
  sentAt: found.sent_at,
  fromName: found.from_name,
  fromAddress: found.from_address,
  people: found.people,
  subject: found.subject,
  snippet: found.snippet,
  labels: found.labels,
  attachments: found.attachments,
  sizeBytes: found.size_bytes,
  fetchedAt: found.fetched_at,
});

const parseSummary = (value: unknown): MessageSummary => toSummary(parseRow(row, value, 'message_cache'));

function parseWhole(value: unknown): CachedMessage {
  const found = parseRow(wholeRow, value, 'message_cache');
  return { ...toSummary(found), text: found.text, headers: found.headers };
}

/** `message_cache`, to be read: as the service role, or as a signed-in user. `createMailboxesTable` writes it. */
export function createMessagesTable(client: Client): MessagesTable {
  const find = (filter: Record<string, unknown>, limit: number, after?: { time: string; id: string }) => {
    const place = { p_after_time: after?.time ?? null, p_after_id: after?.id ?? null };
    return callJson(client, 'find_messages', { p_filter: jsonText(filter), p_limit: limit, ...place }, z.array(z.unknown()));
  };

  return {
    async list({ limit, cursor, ...filter }) {
      const after = cursor === undefined ? undefined : decodeCursor(cursor, 'message');
      // Nothing but spaces is no search.
      const search = filter.search?.trim() || undefined;
      const rows = namesNobody(filter) ? [] : await find({ ...filter, search }, limit + 1, after);
      return toPage(rows, limit, 'received_at', parseSummary);
    },

    async get(messageId, userId) {
      if (namesNobody({ userId })) return undefined;
      const [found] = await find({ messageId, userId, text: true }, 1);
      return found === undefined ? undefined : parseWhole(found);
    },
  };
}

const namesNobody = ({ userId, connectionId }: { [key in keyof MessageFilter]?: MessageFilter[key] | undefined }): boolean =>
  [userId, connectionId].some((id) => id !== undefined && !isUuid(id));
