/** The paths of mail: /me/mailFolders… and /me/messages…. */
import { originOf } from './drives.ts';
import { badRequest, type Call, isReply, json, missing, type Reply } from './http.ts';
import { answerMailDelta } from './mail-delta.ts';
import { answerFolderDelta } from './mail-folder-delta.ts';
import { FOLDER_PROPERTIES, folderJson, MESSAGE_PROPERTIES, messageJson } from './mail-json.ts';
import type { Folder, Mailbox, Message } from './mailbox.ts';
import { option, readCount, readPreferences, readSelect, selected } from './odata.ts';
import { same } from './paths.ts';

export interface MailAsk {
  mailbox: Mailbox;
  /** From `mailFolders` or `messages` on. */
  rest: readonly string[];
  token: string | undefined;
  generation: number;
}

/** Names of what is asked, for the journal. */
export function mailMethod(rest: readonly string[]): string {
  const last = rest.at(-1);
  if (same(rest[0], 'messages')) return rest.length === 1 ? 'mail.messages' : 'mail.message';
  if (same(last, 'delta')) return same(rest.at(-2), 'messages') ? 'mail.delta' : 'mail.foldersDelta';
  if (same(last, 'messages')) return 'mail.messages';
  if (same(rest.at(-2), 'messages')) return 'mail.message';
  return rest.length === 2 ? 'mail.folder' : 'mail.folders';
}

export function answerMail(ask: MailAsk, call: Call): Reply {
  if (call.method !== 'GET') return badRequest('The OData request is not supported.', 'ErrorInvalidRequest');
  return same(ask.rest[0], 'messages') ? answerMessages(ask.mailbox, ask.rest.slice(1), undefined, call, ask) : answerFolders(ask, call);
}

function answerFolders(ask: MailAsk, call: Call): Reply {
  const [, id, verb, ...more] = ask.rest;
  if (id === undefined) return listFolders(ask.mailbox, 'msgfolderroot', call);
  if (same(id, 'delta')) return answerFolderDelta({ ...ask, call });
  const folder = ask.mailbox.findFolder(id);
  if (!folder) return missing('outlook');
  if (verb === undefined) return oneFolder(ask.mailbox, folder, call);
  if (same(verb, 'childFolders') && more.length === 0) return listFolders(ask.mailbox, folder.id, call);
  if (same(verb, 'messages')) return answerMessages(ask.mailbox, more, folder, call, ask);
  return badRequest(`Resource not found for the segment '${verb}'.`);
}

function oneFolder(mailbox: Mailbox, folder: Folder, call: Call): Reply {
  const select = readSelect(call, FOLDER_PROPERTIES, 'microsoft.graph.mailFolder');
  return select && isReply(select) ? select : json(200, selected(folderJson(folder, mailbox), select));
}

/** Hidden ones only with `includeHiddenFolders=true`. */
function listFolders(mailbox: Mailbox, parentId: string, call: Call): Reply {
  const select = readSelect(call, FOLDER_PROPERTIES, 'microsoft.graph.mailFolder');
  if (select && isReply(select)) return select;
  const hidden = same(option(call, 'includeHiddenFolders'), 'true');
  const parent = mailbox.findFolder(parentId);
  const all = [...mailbox.folders.values()].filter((folder) => folder.parent === parent && (hidden || !folder.hidden));
  all.sort((one, other) => one.name.localeCompare(other.name));
  return pageOf(all, call, (folder) => selected(folderJson(folder, mailbox), select));
}

const USUAL_PAGE = 10;
const LARGEST_PAGE = 1_000;

/** By `$top` and `$skip`. */
function pageOf<T>(all: readonly T[], call: Call, toJson: (one: T) => unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  const unsupported = ['$filter', '$search', '$orderby', '$expand'].find((name) => option(call, name) !== undefined);
  if (unsupported !== undefined) return badRequest(`This stand-in does not know ${unsupported} here.`, 'ErrorInvalidUrlQuery');
  const top = readCount(call, '$top', LARGEST_PAGE) ?? USUAL_PAGE;
  const skip = readCount(call, '$skip') ?? 0;
  if (typeof top === 'object') return top;
  if (typeof skip === 'object') return skip;
  const query = new URLSearchParams([...call.query].filter(([name]) => name.toLowerCase() !== '$skip'));
  query.set('$skip', String(skip + top));
  const next = skip + top < all.length ? { '@odata.nextLink': `${originOf(call)}${call.path}?${query}` } : {};
  return json(200, { value: all.slice(skip, skip + top).map(toJson), ...next }, headers);
}

function answerMessages(mailbox: Mailbox, rest: readonly string[], folder: Folder | undefined, call: Call, ask: MailAsk): Reply {
  const select = readSelect(call, MESSAGE_PROPERTIES, 'microsoft.graph.message');
  if (select && isReply(select)) return select;
  const preferences = readPreferences(call);
  const [id, ...more] = rest;
  if (same(id, 'delta')) return folder ? delta(folder, select, call, ask) : notTracked();
  if (id === undefined) {
    const all = [...mailbox.messages.values()].filter((message) => !folder || message.folder === folder);
    all.sort((one, other) => other.receivedAt - one.receivedAt || other.order - one.order);
    return pageOf(all, call, (message) => messageJson(message, select, preferences), preferences.applied);
  }
  const message = mailbox.findMessage(id);
  if (!message || more.length > 0 || !isIn(message, folder)) return missing('outlook');
  return json(200, messageJson(message, select, preferences), preferences.applied);
}

const isIn = (message: Message, folder: Folder | undefined): boolean => !folder || message.folder === folder;

const notTracked = (): Reply =>
  badRequest("Unsupported request: Change tracking is not supported against 'microsoft.graph.message'.", 'ErrorInvalidRequest');

/** The only filter and order that delta knows. */
function delta(folder: Folder, select: readonly string[] | undefined, call: Call, { mailbox, token, generation }: MailAsk): Reply {
  const top = readCount(call, '$top');
  if (typeof top === 'object') return top;
  const filter = option(call, '$filter');
  const [, comparison, at = ''] = /^receivedDateTime (ge|gt) (\S+)$/i.exec(filter ?? '') ?? [];
  const order = option(call, '$orderby');
  const changeType = option(call, 'changeType')?.toLowerCase();
  if (option(call, '$search') !== undefined)
    return badRequest("The query parameter '$search' is not supported with change tracking.", 'ErrorInvalidUrlQuery');
  if (filter !== undefined && Number.isNaN(Date.parse(at)))
    return badRequest('The only supported filter with change tracking is on receivedDateTime.', 'ErrorInvalidUrlQueryFilter');
  if (order !== undefined && !/^receivedDateTime desc$/i.test(order))
    return badRequest('The only supported order with change tracking is receivedDateTime desc.', 'ErrorInvalidUrlQuery');
  if (changeType !== undefined && !['created', 'updated', 'deleted'].includes(changeType))
    return badRequest(`The value '${changeType}' of changeType is not supported.`, 'ErrorInvalidUrlQuery');
  return answerMailDelta({
    mailbox,
    folder,
    token: token ?? option(call, '$deltatoken') ?? option(call, '$skiptoken'),
    preferences: readPreferences(call),
    select,
    top,
    newestFirst: order !== undefined,
    since: filter === undefined ? undefined : { at: Date.parse(at), inclusive: comparison?.toLowerCase() === 'ge' },
    changeType,
    address: `${originOf(call)}${call.path}`,
    generation,
  });
}
