import type { Deal, DealDocument, DealEmail } from '../lib/db/deal-types.ts';
import type { DealSource } from '../lib/db/source-types.ts';
import type { Db } from '../lib/db/types.ts';
import { NotFoundError } from '../lib/errors.ts';
import type { RowCaller } from './auth.ts';
import { HttpError } from './errors.ts';

/** What one caller may see of deal rooms: that of the deals it is a member of. */
export interface VisibleDeals {
  /** Throws `NotFoundError`. */
  deal(caller: RowCaller, id: string): Promise<Deal>;
  /** Throws `NotFoundError`. */
  document(caller: RowCaller, id: string): Promise<DealDocument>;
  /** Throws `NotFoundError`. */
  email(caller: RowCaller, id: string): Promise<DealEmail>;
  /** Throws `NotFoundError`, also where it is a source of another deal. */
  source(caller: RowCaller, id: string, dealId: string): Promise<DealSource>;
  /** For lists: of which deal, or of all that the caller sees. Throws `NotFoundError`; 400 where a deal has to be named. */
  dealFilter(caller: RowCaller, dealId: string | undefined): Promise<{ dealId?: string }>;
}

export function createVisibleDeals(db: Db, rows: (caller: RowCaller) => ReturnType<Db['forUser']>): VisibleDeals {
  /** Row-level security has looked already where a user asks in person. */
  const sees = async (caller: RowCaller, dealId: string): Promise<boolean> =>
    caller.kind === 'user' || caller.userId === undefined || db.deals.isMember(dealId, caller.userId);

  async function deal(caller: RowCaller, id: string): Promise<Deal> {
    const found = await rows(caller).deals.get(id);
    if (!found || !(await sees(caller, found.id))) throw new NotFoundError('Deal', id);
    return found;
  }

  async function document(caller: RowCaller, id: string): Promise<DealDocument> {
    const found = await rows(caller).documents.get(id);
    if (!found || !(await sees(caller, found.dealId))) throw new NotFoundError('Document', id);
    return found;
  }

  async function email(caller: RowCaller, id: string): Promise<DealEmail> {
    const found = await rows(caller).emails.get(id);
    if (!found || !(await sees(caller, found.dealId))) throw new NotFoundError('E-mail', id);
    return found;
  }

  async function source(caller: RowCaller, id: string, dealId: string): Promise<DealSource> {
    const found = await rows(caller).dealSources.get(id);
    if (found?.dealId !== dealId.toLowerCase() || !(await sees(caller, found.dealId))) throw new NotFoundError('Source', id);
    return found;
  }

  async function dealFilter(caller: RowCaller, dealId: string | undefined): Promise<{ dealId?: string }> {
    if (dealId !== undefined) return { dealId: (await deal(caller, dealId)).id };
    if (caller.kind === 'user' || caller.userId === undefined) return {};
    const message = 'must name the deal where a service acts for a user';
    throw new HttpError(400, 'invalid_input', `Invalid input: query.dealId: ${message}`, { issues: [{ path: 'query.dealId', message }] });
  }

  return { deal, document, email, source, dealFilter };
}
