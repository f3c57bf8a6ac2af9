/** Which account a source is read with, and whether it can be read at all. */
import type { Connection, Provider } from '../lib/db/mail-types.ts';
import type { DealSource } from '../lib/db/source-types.ts';
import type { Db } from '../lib/db/types.ts';
import { hasAccess } from '../lib/oauth/access.ts';
import type { SourceKind } from '../lib/sources/contract.ts';
import type { RowCaller } from './auth.ts';
import { HttpError } from './errors.ts';

type Kind = Pick<SourceKind, 'label' | 'provider' | 'access'>;
type Connections = Pick<Db['connections'], 'get' | 'list'>;

const FIELD = 'body.connectionId';
const PROVIDERS: Readonly<Record<Provider, string>> = { google: 'Google', microsoft: 'Microsoft' };

/** The account that the caller names, or the caller's only one. Throws 400 or 409, naming the field and what mends it. */
export async function chooseAccount(
  kind: Kind,
  { caller, connectionId }: { caller: RowCaller; connectionId: string | undefined },
  connections: Connections,
): Promise<Connection> {
  const found = connectionId === undefined ? await onlyOne(kind, caller, connections) : await connections.get(connectionId);
  if (!found || (caller.userId !== undefined && found.userId !== caller.userId)) throw notConnected(kind, caller, connectionId);
  if (found.provider !== kind.provider) {
    throw invalid(`is an account of ${PROVIDERS[found.provider]}: a ${kind.label} source is read with one of ${PROVIDERS[kind.provider]}`);
  }
  const problem = problemOf(kind, found);
  if (problem) throw problem;
  return found;
}

/** Throws 409 where the account of a source is gone, waits for its user, or was not connected for this. */
export function requireReadable(kind: Kind, source: DealSource, account: Connection | undefined): void {
  if (!account) {
    const message = `The account of the source was disconnected. Connect one (GET ${startOf(kind)}), and name it in connectionId: PATCH /api/deals/${source.dealId}/sources/${source.id}`;
    throw new HttpError(409, 'not_connected', message, { startUrl: startOf(kind) });
  }
  const problem = problemOf(kind, account);
  if (problem) throw problem;
}

/** What keeps an account from being read, if anything. */
export function problemOf(kind: Kind, account: Connection): HttpError | undefined {
  const details = { startUrl: startOf(kind), connectionId: account.id };
  const who = `The ${PROVIDERS[kind.provider]} account (connection ${account.id})`;
  if (account.status === 'reauth_required') {
    return new HttpError(409, 'reauth_required', `${who} must be connected again by its user: GET ${startOf(kind)}`, details);
  }
  if (hasAccess(account, kind.access)) return undefined;
  return new HttpError(409, 'not_connected', `${who} was not connected for ${kind.access}: GET ${startOf(kind)}`, details);
}

async function onlyOne(kind: Kind, { userId }: RowCaller, connections: Connections): Promise<Connection | undefined> {
  if (userId === undefined) throw invalid('must name the account where a service acts for nobody (X-User-Id)');
  const all = await connections.list({ userId, provider: kind.provider });
  const fit = all.filter((account) => hasAccess(account, kind.access));
  const accounts = fit.length > 0 ? fit : all.slice(0, 1);
  if (accounts.length <= 1) return accounts[0];
  const message = `${FIELD}: must name one of the ${accounts.length} ${PROVIDERS[kind.provider]} accounts that are connected`;
  throw new HttpError(409, 'connection_needed', message, { accounts: accounts.map(({ id, email }) => ({ connectionId: id, email })) });
}

function notConnected(kind: Kind, { userId }: RowCaller, connectionId: string | undefined): HttpError {
  const missing = `there is no account ${connectionId}${userId === undefined ? '' : ' of this user'}`;
  const what = connectionId === undefined ? `no ${PROVIDERS[kind.provider]} account is connected` : missing;
  return new HttpError(409, 'not_connected', `${FIELD}: ${what}. Connect one: GET ${startOf(kind)}`, { startUrl: startOf(kind) });
}

function invalid(message: string): HttpError {
  return new HttpError(400, 'invalid_input', `Invalid input: ${FIELD}: ${message}`, { issues: [{ path: FIELD, message }] });
}

/** Where a browser begins to connect an account that this kind can be read with. */
const startOf = ({ provider, access }: Kind): string => `/api/connections/${provider}/start?access=${access}`;
