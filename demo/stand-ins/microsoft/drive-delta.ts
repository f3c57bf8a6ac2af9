/** driveItem: delta. A listing goes by the items' order, a round of changes by the drive's count. */
import { ancestorsOf, type Drive, type Item } from './drive.ts';
import { deletedJson, type ItemView, itemJson } from './drive-json.ts';
import { badRequest, isReply, json, type Reply, refuse } from './http.ts';
import { selected } from './odata.ts';
import { seal, unseal } from './state-tokens.ts';

export interface DeltaRequest {
  drive: Drive;
  /** The folder whose hierarchy is asked for. */
  scope: Item;
  token: string | undefined;
  select: readonly string[] | undefined;
  top: number | undefined;
  /** `deltaExcludeParent`. */
  withoutParents: boolean;
  /** Without a query: `http://…/v1.0/drives/{id}/root/delta`. */
  address: string;
  generation: number;
  view: ItemView;
}

interface State {
  scope: string;
  mode: 'listing' | 'changes';
  /** The last `order` or `changed` that has been told. */
  after: number;
  /** The drive's count when the listing began. */
  began: number;
  /** From 1. */
  page: number;
  rested: boolean;
  select: readonly string[] | undefined;
  top: number | undefined;
  generation: number;
}

export function answerDriveDelta(request: DeltaRequest): Reply {
  if (request.token === 'latest') return lastPage(request, beginning(request), [], request.drive.sequence);
  const state = readState(request);
  if (isReply(state)) return state;
  if (state.generation !== request.generation) return resync(request, state);
  if (request.drive.quirks && state.page % 7 === 3 && !state.rested) return nextPage(request, { ...state, rested: true }, []);
  return state.mode === 'listing' ? listingPage(request, state) : changesPage(request, state);
}

function beginning({ scope, drive, select, top, generation }: DeltaRequest): State {
  return { scope: scope.id, mode: 'listing', after: 0, began: drive.sequence, page: 1, rested: false, select, top, generation };
}

function readState(request: DeltaRequest): State | Reply {
  if (request.token === undefined) return beginning(request);
  const since = Date.parse(request.token);
  if (/^\d{4}-\d\d-\d\dT/.test(request.token) && !Number.isNaN(since))
    return { ...beginning(request), mode: 'changes', after: countAt(request.drive, since) };
  const state = unseal<State>(request.token);
  if (!state || state.scope !== request.scope.id) return badRequest('The provided token is not valid for this collection.', 'invalidRequest');
  return state;
}

function countAt({ items }: Drive, at: number): number {
  return Math.max(0, ...[...items.values()].filter(({ modifiedAt }) => modifiedAt <= at).map(({ changed }) => changed));
}

/** The listing begins anew at the address in `Location`. */
function resync(request: DeltaRequest, { select, top }: State): Reply {
  const message =
    "Resync required. Replace any local items with the server's version (including deletes) if you're sure that the service was up to date with your local changes when you last sync'd. Upload any local changes that the server doesn't know about.";
  const location = linkOf(request, 'token', { ...beginning(request), select, top });
  return refuse(410, { code: 'resyncRequired', message, inner: 'resyncChangesApplyDifferences', headers: { location } });
}

const isUnder = (item: Item, scope: Item): boolean => !scope.parent || item === scope || ancestorsOf(item).includes(scope);

function listingPage(request: DeltaRequest, state: State): Reply {
  const { drive, scope } = request;
  const there = [...drive.items.values()].filter((item) => item.order > state.after && !item.deleted && isUnder(item, scope));
  const page = there.slice(0, sizeOfPage(request, state));
  // Parents come before what is in them, although they were made later.
  const told = withAncestors(page, scope, (ancestor, item) => ancestor.order > item.order).map((item) => ({ item, gone: false }));
  const last = [...drive.items.values()].find(({ order }) => order === state.after);
  if (drive.quirks && state.page % 3 === 2 && last && !last.deleted) told.unshift({ item: last, gone: false });
  const values = told.flatMap((entry) => jsonOf(entry, request, state));
  if (page.length === there.length) return lastPage(request, state, values, state.began);
  return nextPage(request, { ...state, after: page.at(-1)?.order ?? state.after, page: state.page + 1, rested: false }, values);
}

function changesPage(request: DeltaRequest, state: State): Reply {
  const { drive, scope, withoutParents } = request;
  const changed = [...drive.items.values()].filter((item) => item.changed > state.after).sort((one, other) => one.changed - other.changed);
  const gone = (item: Item): boolean => item.deleted || !isUnder(item, scope);
  const tellable = changed.filter((item) => !gone(item) || (item.left.get(scope) ?? 0) > state.after);
  const page = tellable.slice(0, sizeOfPage(request, state));
  const told = withAncestors(page, scope, (_ancestor, item) => !withoutParents && !gone(item));
  const values = told.flatMap((item) => jsonOf({ item, gone: gone(item) }, request, state));
  if (page.length === tellable.length) return lastPage(request, state, values, drive.sequence);
  return nextPage(request, { ...state, after: page.at(-1)?.changed ?? state.after, page: state.page + 1, rested: false }, values);
}

const sizeOfPage = ({ drive }: DeltaRequest, { top }: State): number => Math.min(top ?? drive.pageSize, drive.pageSize);

/** Each ancestor that `wanted` takes, once, before what is in it. */
function withAncestors(page: readonly Item[], scope: Item, wanted: (ancestor: Item, item: Item) => boolean): Item[] {
  const told = new Set<Item>();
  for (const item of page) {
    const ancestors = item === scope ? [] : ancestorsOf(item).filter((ancestor) => isUnder(ancestor, scope) && wanted(ancestor, item));
    for (const ancestor of ancestors.reverse()) told.add(ancestor);
    told.add(item);
  }
  return [...told];
}

/** The state before a rename comes first now and then: the last one counts. */
function jsonOf({ item, gone }: { item: Item; gone: boolean }, { drive, view }: DeltaRequest, { select }: State): Record<string, unknown>[] {
  const type = { '@odata.type': '#microsoft.graph.driveItem' };
  if (gone) return [selected({ ...type, ...deletedJson(item, drive) }, select)];
  const now = selected({ ...type, ...itemJson(item, view) }, select);
  if (!drive.quirks || item.formerName === undefined || !('name' in now)) return [now];
  return [{ ...now, name: item.formerName }, now];
}

function nextPage(request: DeltaRequest, state: State, value: readonly unknown[]): Reply {
  return json(200, { ...context(request), '@odata.nextLink': linkOf(request, '$skiptoken', state), value });
}

function lastPage(request: DeltaRequest, state: State, value: readonly unknown[], after: number): Reply {
  const next: State = { ...state, mode: 'changes', after, began: after, page: 1, rested: false };
  return json(200, { ...context(request), '@odata.deltaLink': linkOf(request, 'token', next), value });
}

const context = ({ address }: DeltaRequest): object => ({
  '@odata.context': `${new URL(address).origin}/v1.0/$metadata#Collection(driveItem)`,
});

const linkOf = ({ address }: DeltaRequest, name: '$skiptoken' | 'token', state: State): string => `${address}?${name}=${seal(state)}`;
