import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { EmailsTable, NewEmail } from './deal-types.ts';
import { askedSteps, stepOptions } from './documents.ts';
import { parseBlocker, parseEmail } from './email-rows.ts';
import { requireUuid } from './job-rows.ts';
import { newestFirst } from './newest-first.ts';
import { type Client, callJson } from './rest.ts';
import { isUuid, jsonText, storableText } from './rows.ts';

const created = z.object({ email: z.unknown(), outcome: z.enum(['created', 'known']), asked: askedSteps });
const NOTHING = { items: [], nextCursor: null };
const THREAD_LIMIT = 200;

/** `emails` and what holds their threads up: as the service role, or as a signed-in user, who reads alone. */
export function createEmailsTable(client: Client): EmailsTable {
  return {
    async create(email: NewEmail, options) {
      const args = {
        p_email: jsonText({ id: randomUUID(), ...email, dealId: requireUuid('dealId', email.dealId) }),
        p_options: stepOptions(options),
      };
      const { email: stored, ...rest } = await callJson(client, 'create_email', args, created);
      return { email: parseEmail(stored), ...rest };
    },

    async get(id) {
      if (!isUuid(id)) return undefined;
      const found = await callJson(client, 'read_email', { p_id: id }, z.unknown());
      return found === null ? undefined : parseEmail(found);
    },

    async list({ limit, cursor, dealId, threadId }) {
      if (dealId !== undefined && !isUuid(dealId)) return NOTHING;
      return newestFirst(client, 'emails', { limit, cursor, where: { deal_id: dealId, thread_id: threadId } }, parseEmail);
    },

    async thread(dealId, threadId) {
      if (!isUuid(dealId)) return [];
      const args = { p_deal: dealId, p_thread: storableText(threadId), p_limit: THREAD_LIMIT };
      return (await callJson(client, 'email_thread', args, z.array(z.unknown()))).map(parseEmail);
    },

    async ask(id, operations, options) {
      if (!isUuid(id)) return undefined;
      const args = { p_email: id, p_operations: jsonText(operations), p_options: stepOptions(options) };
      return (await callJson(client, 'ask_for_email', args, askedSteps.nullable())) ?? undefined;
    },

    async blockers({ limit, cursor, dealId, status }) {
      if (dealId !== undefined && !isUuid(dealId)) return NOTHING;
      return newestFirst(client, 'deal_blockers', { limit, cursor, where: { deal_id: dealId, status } }, parseBlocker);
    },
  };
}
