import { z } from 'zod';
import type { Deal } from '../../lib/db/deal-types.ts';
import { rowCallerOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import { dealParams, member, tags } from '../deal-schemas.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { answer, failures, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const OWNER = 'owner';
const memberParams = dealParams.extend({ userId: z.guid('must be the uuid of a user') });
const newMember = z.strictObject({ userId: z.guid('must be the uuid of a user'), role: z.enum([OWNER, 'member']).default('member') });
const all = success(z.object({ members: z.array(member) }));

export function dealMemberRoutes(app: App, { db }: ApiDeps, visible: Visible): void {
  const membersOf = async (id: string) => answer({ members: (await db.deals.members(id)).map(({ userId, role }) => ({ userId, role })) });

  /** A deal without an owner would have nobody left who lets others in; services may leave it so. */
  async function requireRight({ id }: Deal, caller: RowCaller, { userId, stays }: { userId: string; stays: boolean }): Promise<void> {
    if (caller.userId === undefined) return;
    const owners = (await db.deals.members(id)).filter(({ role }) => role === OWNER).map((one) => one.userId);
    const leaves = userId === caller.userId && !stays;
    if (!owners.includes(caller.userId) && !leaves) {
      throw new HttpError(403, 'forbidden', 'Only an owner of the deal, or a service, says who its members are.');
    }
    if (owners.includes(userId) && owners.length === 1) {
      throw new HttpError(409, 'last_owner', 'This is the only owner of the deal: make somebody else an owner first.');
    }
  }

  app.get('/api/deals/:id/members', {
    schema: { tags, summary: 'Who is in a deal', params: dealParams, response: { 200: all, ...failures } },
    handler: async (request) => membersOf((await visible.deal(rowCallerOf(request), request.params.id)).id),
  });

  app.post('/api/deals/:id/members', {
    schema: {
      tags,
      summary: 'Let a user into a deal, or give a member another role (owners and services)',
      params: dealParams,
      body: newMember.meta({ examples: [{ userId: '00000000-0000-4000-8000-000000000000', role: 'member' }] }),
      response: { 200: all, ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const deal = await visible.deal(caller, request.params.id);
      const { role } = request.body;
      const userId = request.body.userId.toLowerCase();
      await requireRight(deal, caller, { userId: role === OWNER ? '' : userId, stays: true });
      await db.deals.addMember(deal.id, userId, role);
      return membersOf(deal.id);
    },
  });

  app.delete('/api/deals/:id/members/:userId', {
    schema: {
      tags,
      summary: 'Take a user out of a deal (owners and services; members themselves)',
      params: memberParams,
      response: { 200: all, ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const deal = await visible.deal(caller, request.params.id);
      const userId = request.params.userId.toLowerCase();
      await requireRight(deal, caller, { userId, stays: false });
      await db.deals.removeMember(deal.id, userId);
      return membersOf(deal.id);
    },
  });
}
