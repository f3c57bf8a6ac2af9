/** message: delta. A listing goes by the messages' order (or their time), a round of changes by the mailbox's count. */
import { badRequest, isReply, json, type Reply, refuse } from './http.ts';
import { frameOf, messageJson } from './mail-json.ts';
import type { Folder, Mailbox, Message, Removal } from './mailbox.ts';
import type { Preferences } from './odata.ts';
import { seal, unseal } from './state-tokens.ts';

/** What the first call of a round says; the links carry it on. */
export interface DeltaOptions {
  select: readonly string[] | undefined;
  /** As it is seen at Microsoft: of the whole round, not of a page. */
  top: number | undefined;
  newestFirst: boolean;
  /** Milliseconds since the epoch. */
  since: { at: number; inclusive: boolean } | undefined;
  changeType: string | undefined;
}

export interface MailDeltaRequest extends DeltaOptions {
  mailbox: Mailbox;
  folder: Folder;
  token: string | undefined;
  preferences: Preferences;
  /** Without a query. */
  address: string;
  generation: number;
}

interface State extends DeltaOptions {
  email: string;
  folder: string;
  mode: 'listing' | 'changes';
  /** Up to which count changes have been told. */
  after: number;
  /** The last of a listing. */
  last: Key;
  began: number;
  told: number;
  generation: number;
}

type Key = readonly [number, number];
/** JSON knows no infinity. */
const BEFORE_ALL: Key = [-Number.MAX_VALUE, 0];

interface Change {
  at: number;
  kind: 'created' | 'updated' | 'flagged' | 'deleted';
  message: Message;
  removal?: Removal;
}

/** Most on a page, whatever is preferred: that of all collections of messages. */
const MOST = 1_000;
/** Where `$filter` is used. */
const MOST_FILTERED = 5_000;

export function answerMailDelta(request: MailDeltaRequest): Reply {
  const state = readState(request);
  if (isReply(state)) return state;
  if (state.generation !== request.generation) {
    const message = `The sync state generation is not found; generation=${state.generation};[highest=${request.generation}][${request.generation}].`;
    return refuse(410, { code: 'SyncStateNotFound', message });
  }
  return state.mode === 'listing' ? listingPage(request, state) : changesPage(request, state);
}

function readState(request: MailDeltaRequest): State | Reply {
  const { mailbox, folder, token, generation, select, top, newestFirst, since, changeType } = request;
  const began = mailbox.sequence;
  const about = { email: mailbox.email, folder: folder.id, select, top, newestFirst, since, changeType, generation };
  if (token === undefined) return { ...about, mode: 'listing', after: 0, last: BEFORE_ALL, began, told: 0 };
  const state = unseal<State>(token);
  if (!state || state.email !== mailbox.email || state.folder !== folder.id)
    return badRequest('Badly formed token. The provided sync token is invalid for this collection.', 'ErrorInvalidRequest');
  return state;
}

function listingPage(request: MailDeltaRequest, state: State): Reply {
  const { mailbox, folder, preferences } = request;
  const key = (message: Message): Key => (state.newestFirst ? [-message.receivedAt, -message.order] : [0, message.order]);
  // What comes into the folder meanwhile is told in the next round.
  const isLeft = (message: Message): boolean => message.folder === folder && message.arrived <= state.began && compare(key(message), state.last) > 0;
  const there = [...mailbox.messages.values()].filter((message) => isLeft(message) && isRecent(message, state));
  // They are kept in the order they came.
  if (state.newestFirst) there.sort((one, other) => compare(key(one), key(other)));
  const left = Math.min(state.top ?? Number.POSITIVE_INFINITY, state.since ? MOST_FILTERED : Number.POSITIVE_INFINITY) - state.told;
  const page = there.slice(0, Math.min(left, sizeOfPage(request)));
  const isAsked = state.changeType === undefined || state.changeType === 'created';
  const value = isAsked ? page.map((message) => messageJson(message, state.select, preferences)) : [];
  const last = page.at(-1);
  if (!last || page.length === there.length) return lastPage(request, state, value, state.began);
  return nextPage(request, { ...state, last: key(last), told: state.told + page.length }, value);
}

function compare([first, second]: Key, [otherFirst, otherSecond]: Key): number {
  return first - otherFirst || second - otherSecond;
}

function isRecent({ receivedAt }: Message, { since }: State): boolean {
  if (!since) return true;
  return since.inclusive ? receivedAt >= since.at : receivedAt > since.at;
}

function changesPage(request: MailDeltaRequest, state: State): Reply {
  const changes = changesOf(request, state.after).filter((change) => isWanted(change, state));
  const left = state.top === undefined ? changes.length : Math.max(0, state.top - state.told);
  const page = changes.slice(0, Math.min(left, sizeOfPage(request)));
  const value = page.map((change) => changeJson(change, request, state));
  if (page.length === changes.length || left === 0) return lastPage(request, state, value, request.mailbox.sequence);
  return nextPage(request, { ...state, after: page.at(-1)?.at ?? state.after, told: state.told + page.length }, value);
}

function changesOf({ mailbox, folder }: MailDeltaRequest, after: number): Change[] {
  const removed = mailbox.removals
    .filter((removal) => removal.folder === folder && removal.at > after)
    .map((removal): Change => ({ at: removal.at, kind: 'deleted', message: removal.message, removal }));
  const present = [...mailbox.messages.values()].filter((message) => message.folder === folder);
  const changed = present.map((message): Change => ({ at: Math.max(message.changed, message.flagged), kind: kindOf(message, after), message }));
  return [...removed, ...changed.filter(({ at }) => at > after)].sort((one, other) => one.at - other.at);
}

function kindOf({ arrived, changed }: Message, after: number): Change['kind'] {
  if (arrived > after) return 'created';
  return changed > after ? 'updated' : 'flagged';
}

/** A flag is told to those who asked for it, alone. */
function isWanted({ kind, message }: Change, state: State): boolean {
  if (kind === 'flagged' && state.select && !state.select.includes('isRead')) return false;
  if (kind !== 'deleted' && !isRecent(message, state)) return false;
  const type = kind === 'flagged' ? 'updated' : kind;
  return state.changeType === undefined || state.changeType === type;
}

function changeJson({ kind, message, removal }: Change, { preferences }: MailDeltaRequest, { select }: State): Record<string, unknown> {
  if (removal) {
    const id = preferences.immutableIds ? message.immutableId : removal.restId;
    return { '@odata.type': '#microsoft.graph.message', id, '@removed': { reason: removal.reason } };
  }
  // As it is seen at Microsoft: where the flag alone has changed, nothing else is told.
  if (kind === 'flagged') return { ...frameOf(message, preferences), isRead: message.isRead };
  return messageJson(message, select, preferences);
}

const sizeOfPage = ({ mailbox, preferences }: MailDeltaRequest): number => Math.min(preferences.maxPageSize ?? mailbox.pageSize, MOST);

function nextPage(request: MailDeltaRequest, state: State, value: readonly unknown[]): Reply {
  return answer(request, { '@odata.nextLink': `${request.address}?$skiptoken=${seal(state)}`, value });
}

function lastPage(request: MailDeltaRequest, state: State, value: readonly unknown[], after: number): Reply {
  const next: State = { ...state, mode: 'changes', after, began: after, told: 0 };
  return answer(request, { '@odata.deltaLink': `${request.address}?$deltatoken=${seal(next)}`, value });
}

function answer({ address, preferences }: MailDeltaRequest, body: object): Reply {
  const context = `${new URL(address).origin}/v1.0/$metadata#Collection(message)`;
  return json(200, { '@odata.context': context, ...body }, preferences.applied);
}
