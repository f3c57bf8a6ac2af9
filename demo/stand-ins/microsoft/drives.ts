/** The paths of drives and their items. */
import { type Drive, type Item, itemAt } from './drive.ts';
import { answerDriveDelta } from './drive-delta.ts';
import { driveJson, ITEM_PROPERTIES, type ItemView, isSigned, itemJson, signDownload } from './drive-json.ts';
import { badRequest, type Call, isReply, json, missing, type Reply, refuse } from './http.ts';
import { option, readCount, readSelect, selected } from './odata.ts';
import { same } from './paths.ts';
import { seal, unseal } from './state-tokens.ts';

export interface DriveDeps {
  now(): number;
  generation(): number;
  deltaTellsAll(): boolean;
}

/** What is asked of a drive: `rest` is the path behind it. */
export interface DriveAsk {
  drive: Drive;
  rest: readonly string[];
  /** Of `root:/a/b.txt:`, from the item that `rest` begins with. */
  byPath?: { path: string; rest: readonly string[] } | undefined;
  token: string | undefined;
}

export const originOf = ({ headers }: Call): string => `http://${headers.host ?? '127.0.0.1'}`;

/** Another host than Graph's, as it is with Microsoft: a token that is sent along with a redirect is seen. */
const downloadOrigin = (call: Call): string => `http://localhost:${new URL(originOf(call)).port}`;

/** Names of what is asked, for the journal. */
export function driveMethod({ rest, byPath }: DriveAsk): string {
  const last = (byPath ? byPath.rest : rest).at(-1);
  if (same(last, 'delta')) return 'drive.delta';
  if (same(last, 'content')) return 'drive.content';
  if (same(last, 'children')) return 'drive.children';
  return rest.length === 0 ? 'drive' : 'drive.item';
}

export function answerDrive(ask: DriveAsk, call: Call, deps: DriveDeps): Reply {
  if (call.method !== 'GET' && call.method !== 'HEAD') return badRequest('The HTTP method is not supported here.', 'invalidRequest');
  const { drive } = ask;
  if (ask.rest.length === 0) return json(200, driveJson(drive));
  const found = findItem(ask);
  if (!found) return missing('sharepoint');
  const [verb, ...more] = found.rest;
  const { item } = found;
  if (more.length > 0) return missing('sharepoint');
  const view = viewOf(drive, call, deps);
  if (verb === undefined) return oneItem(item, call, view);
  if (same(verb, 'children')) return children(drive, item, call, view);
  if (same(verb, 'content')) return content(item, view);
  if (same(verb, 'delta')) return delta(ask, item, call, deps);
  return badRequest(`Resource not found for the segment '${verb}'.`);
}

function findItem({ drive, rest, byPath }: DriveAsk): { item: Item; rest: readonly string[] } | undefined {
  const [first, second] = rest;
  const start = same(first, 'root') ? drive.root : same(first, 'items') ? drive.items.get(second ?? '') : undefined;
  const after = rest.slice(same(first, 'root') ? 1 : 2);
  const item = byPath && start ? itemAt(start, byPath.path) : start;
  return item && !item.deleted ? { item, rest: byPath ? byPath.rest : after } : undefined;
}

function viewOf(drive: Drive, call: Call, { now }: DriveDeps): ItemView {
  function downloadUrl(item: Item): string {
    const path = `/download/${encodeURIComponent(drive.id)}/${item.id}`;
    return `${downloadOrigin(call)}${path}?${signDownload(path, now() + drive.downloadLastsSeconds * 1_000)}`;
  }
  return { drive, isWhole: true, downloadUrl };
}

/** `content.downloadUrl` is another name of the download address. */
function readItemSelect(call: Call): readonly string[] | undefined | Reply {
  const names = readSelect(call, ITEM_PROPERTIES, 'microsoft.graph.driveItem');
  return Array.isArray(names) ? names.map((name) => (name === 'content.downloadUrl' ? '@microsoft.graph.downloadUrl' : name)) : names;
}

function oneItem(item: Item, call: Call, view: ItemView): Reply {
  const select = readItemSelect(call);
  if (select && isReply(select)) return select;
  return json(200, { '@odata.context': `${originOf(call)}/v1.0/$metadata#driveItem/$entity`, ...selected(itemJson(item, view), select) });
}

function children(drive: Drive, parent: Item, call: Call, view: ItemView): Reply {
  const select = readItemSelect(call);
  const top = readCount(call, '$top', drive.pageSize);
  if (select && isReply(select)) return select;
  if (typeof top === 'object') return top;
  const skip = option(call, '$skiptoken') === undefined ? 0 : unseal<{ skip: number }>(option(call, '$skiptoken') ?? '')?.skip;
  if (skip === undefined) return badRequest('The provided $skiptoken is not valid.', 'invalidRequest');
  const all = [...parent.children];
  const end = skip + (top ?? drive.pageSize);
  const value = all.slice(skip, end).map((item) => selected(itemJson(item, view), select));
  const query = new URLSearchParams([...call.query].filter(([name]) => name.toLowerCase() !== '$skiptoken'));
  query.set('$skiptoken', seal({ skip: end }));
  return json(200, { value, ...(end < all.length ? { '@odata.nextLink': `${originOf(call)}${call.path}?${query}` } : {}) });
}

function content(item: Item, view: ItemView): Reply {
  if (!item.file) return badRequest('You cannot get content for a folder', 'invalidRequest');
  return { status: 302, headers: { location: view.downloadUrl(item) }, body: '' };
}

function delta({ drive, token }: DriveAsk, scope: Item, call: Call, deps: DriveDeps): Reply {
  if (scope.file) return badRequest('Delta is only supported on folders.', 'invalidRequest');
  const select = readItemSelect(call);
  const top = readCount(call, '$top');
  if (select && isReply(select)) return select;
  if (typeof top === 'object') return top;
  return answerDriveDelta({
    drive,
    scope,
    token: token ?? option(call, 'token') ?? option(call, '$skiptoken') ?? option(call, '$deltatoken'),
    select,
    top,
    withoutParents: call.headers.deltaexcludeparent !== undefined,
    address: `${originOf(call)}${call.path.replace(/\(token='[^']*'\)$/i, '')}`,
    generation: deps.generation(),
    view: { ...viewOf(drive, call, deps), isWhole: deps.deltaTellsAll() },
  });
}

/** `/download/{drive}/{item}`: the file, for whoever has its signed address. */
export function answerDownload(drives: ReadonlyMap<string, Drive>, call: Call, now: number): Reply {
  // The token is Graph's, this host's audience is another.
  if (call.headers.authorization !== undefined) return refuse(401, { code: 'unauthenticated', message: 'Invalid audience.' });
  if (!isSigned(call.path, call.query, now))
    return refuse(401, { code: 'unauthenticated', message: 'The download address is not valid (any more).' });
  const [, , driveId = '', itemId = ''] = call.path.split('/');
  const item = drives.get(decodeURIComponent(driveId))?.items.get(itemId);
  return item?.file && !item.deleted ? fileReply(item, item.file, call.headers.range) : missing('sharepoint');
}

function fileReply(item: Item, { content: held, mimeType }: NonNullable<Item['file']>, range: string | undefined): Reply {
  const headers = {
    'content-type': mimeType,
    'accept-ranges': 'bytes',
    'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(item.name)}`,
  };
  const stream = (from: number, to: number) => ({ length: to - from, chunks: () => held.chunks(from, to) });
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (first === '' && last === '') return { status: 200, headers, body: stream(0, held.length) };
  const from = first === '' ? Math.max(0, held.length - Number(last)) : Number(first);
  const to = first === '' || last === '' ? held.length : Math.min(held.length, Number(last) + 1);
  if (from >= to) return { status: 416, headers: { 'content-range': `bytes */${held.length}` }, body: '' };
  return { status: 206, headers: { ...headers, 'content-range': `bytes ${from}-${to - 1}/${held.length}` }, body: stream(from, to) };
}
