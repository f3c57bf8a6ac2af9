import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { BriefDelivery, Deal, DealChanges, DealMember, DealStatus, DealsTable, NewDeal } from './deal-types.ts';
import { requireUuid } from './job-rows.ts';
import { answer, type Client, callJson, firstRow, parseRow } from './rest.ts';
import { decodeCursor, isUuid, jsonText, storableText, timestamp, toPage } from './rows.ts';

const STATUSES = ['active', 'paused', 'closed'] as const satisfies readonly DealStatus[];

const text = z.string().nullable();
const delivery: z.ZodType<BriefDelivery> = z.object({ mail: z.array(z.string()).exactOptional(), webhook: z.boolean().exactOptional() });

const row = z.object({
  id: z.string(),
  // Adopted tables allow null where ours have a default.
  name: text.transform((name) => name ?? ''),
  description: text,
  // Words of an adopted table: its deals get no briefs until they are set to `active`.
  status: z.enum(STATUSES).catch('paused'),
  created_by: text,
  time_zone: text,
  brief_time: text,
  brief_delivery: delivery.catch({}),
  created_at: timestamp,
  updated_at: timestamp,
});

function parseDeal(value: unknown): Deal {
  const found = parseRow(row, value, 'deals');
  return {
    id: found.id,
    name: found.name,
    description: found.description,
    status: found.status,
    createdBy: found.created_by,
    timeZone: found.time_zone,
    briefTime: found.brief_time,
    briefDelivery: found.brief_delivery,
    createdAt: found.created_at,
    updatedAt: found.updated_at,
  };
}

const member = z
  .object({ deal_id: z.string(), user_id: z.string(), role: text })
  .transform(({ deal_id, user_id, role }): DealMember => ({ dealId: deal_id, userId: user_id, role: role ?? 'member' }));

const rowsOf = z.array(z.unknown());
const fields = ({ name, description, status, timeZone, briefTime, briefDelivery }: DealChanges) =>
  jsonText({ name, description, status, timeZone, briefTime, briefDelivery });

/** `deals` and who sees them: as the service role, or as a signed-in user, who reads alone. */
export function createDealsTable(client: Client): DealsTable {
  const call = async (name: string, args: Record<string, unknown>) => parseRow(z.boolean(), await answer(client.rpc(name, args)), name);

  async function membersOf(id: string, userId?: string): Promise<DealMember[]> {
    const query = client.from('deal_members').select('deal_id,user_id,role').eq('deal_id', id);
    const found = await answer((userId ? query.eq('user_id', userId) : query).order('created_at').order('user_id'));
    return z.array(member).parse(found);
  }

  return {
    async create({ id, ...deal }: NewDeal, userId) {
      const args = {
        p_deal: fields(deal),
        p_user: userId === null ? null : requireUuid('userId', userId),
        // Made here, so that repeating the call after a lost answer stores one deal.
        p_id: id === undefined ? randomUUID() : requireUuid('id', id),
      };
      return parseDeal(await callJson(client, 'create_deal', args, z.unknown()));
    },

    async get(id) {
      if (!isUuid(id)) return undefined;
      const found = firstRow(await answer(client.from('deals').select().eq('id', id).limit(1)));
      return found === undefined ? undefined : parseDeal(found);
    },

    async list({ limit, cursor, status, userId }) {
      if (userId !== undefined && !isUuid(userId)) return { items: [], nextCursor: null };
      const after = cursor === undefined ? undefined : decodeCursor(cursor);
      const place = { p_after_time: after?.time ?? null, p_after_id: after?.id ?? null };
      const args = { p_filter: jsonText({ status, userId }), p_limit: limit + 1, ...place };
      return toPage(await callJson(client, 'find_deals', args, rowsOf), limit, 'created_at', parseDeal);
    },

    async change(id, changes) {
      if (!isUuid(id)) return undefined;
      const found = await callJson(client, 'change_deal', { p_deal: id, p_changes: fields(changes) }, z.unknown());
      return found ? parseDeal(found) : undefined;
    },

    members: async (id) => (isUuid(id) ? membersOf(id) : []),

    isMember: async (id, userId) => isUuid(id) && isUuid(userId) && (await membersOf(id, userId)).length > 0,

    async addMember(id, userId, role = 'member') {
      const args = { p_deal: requireUuid('id', id), p_user: requireUuid('userId', userId), p_role: storableText(role) };
      await call('add_deal_member', args);
    },

    async removeMember(id, userId) {
      if (isUuid(id) && isUuid(userId)) await call('remove_deal_member', { p_deal: id, p_user: userId });
    },
  };
}
