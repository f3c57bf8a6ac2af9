/** One page of one folder: what Graph's delta of messages tells, made into items. */
import { PermanentError, UnavailableError } from '../../errors.ts';
import { refusalOf } from '../../provider-failure.ts';
import { CursorLostError, type GoneItem, type SourceItem } from '../contract.ts';
import type { Graph } from '../graph/contract.ts';
import type { FolderState } from './cursor.ts';
import type { Folder } from './folders.ts';
import { FIELDS, hasNewContent, isWhole, type OutlookMessage, subjectOf, timeOf, versionOf } from './message.ts';

export interface DeltaDeps {
  graph: Graph;
  /** Mails received before are left out. */
  since: string | undefined;
}

export interface Step {
  upserts: SourceItem[];
  deletes: GoneItem[];
  next: FolderState;
  /** Nothing more is to be told of the folder now. */
  ended: boolean;
}

interface DeltaPage {
  value?: OutlookMessage[];
  '@odata.nextLink'?: string;
  '@odata.deltaLink'?: string;
}

/** Mails come with their bodies: some MB a page. Where even that is too much for Graph or for us, fewer are asked for, in the rest of the run, too. */
const PAGES = [250, 50, 10];
/** Graph hides mails beyond so many where a filter is used, without a word. */
const MOST_FILTERED = 5_000;
/** Without it, ids change when a mail is moved. */
const IMMUTABLE = 'IdType="ImmutableId"';

export function createDelta({ graph, since }: DeltaDeps) {
  let size = 0;

  const firstLink = ({ id, unfiltered }: FolderState): string => {
    const filter = since && !unfiltered ? `&$filter=${encodeURIComponent(`receivedDateTime ge ${since}`)}` : '';
    return `/me/mailFolders/${encodeURIComponent(id)}/messages/delta?${FIELDS}${filter}`;
  };

  async function ask(folder: FolderState): Promise<DeltaPage> {
    for (;;) {
      const asked = size;
      const headers = { Prefer: `${IMMUTABLE}, odata.maxpagesize=${PAGES[asked] ?? 1}` };
      try {
        return await graph.get<DeltaPage>(folder.link ?? firstLink(folder), {
          method: 'messages.delta',
          headers,
          ...(since ? { fields: ['since'] } : {}),
        });
      } catch (error) {
        if (!isTooMuch(error) || asked === PAGES.length - 1) throw error;
        size = Math.max(size, asked + 1);
      }
    }
  }

  /** Graph tells some changes in part; `force`: the mail is not known yet. */
  async function wholeOf(message: OutlookMessage, force: boolean): Promise<OutlookMessage | undefined> {
    if (isWhole(message)) return message;
    return force || hasNewContent(message) ? findMessage(message.id, graph) : undefined;
  }

  async function itemsOf(messages: readonly OutlookMessage[], folder: FolderState, place: Folder): Promise<SourceItem[]> {
    const items: SourceItem[] = [];
    for (const message of messages) {
      const whole = await wholeOf(message, folder.listed !== true);
      const isOld = since !== undefined && whole?.receivedDateTime != null && Date.parse(whole.receivedDateTime) < Date.parse(since);
      if (whole && whole.isDraft !== true && !isOld) items.push(itemOf(whole, place));
    }
    return items;
  }

  /** Throws `CursorLostError` where Graph has forgotten how far the folder was followed, or the folder itself. */
  return async function step(folder: FolderState, place: Folder): Promise<Step> {
    const page = await ask(folder).catch((error: unknown) => explainLoss(error, folder));
    const messages = page.value ?? [];
    const present = messages.filter((message) => message['@removed'] === undefined);
    const upserts = await itemsOf(present, folder, place);
    const deletes = messages.filter((message) => message['@removed'] !== undefined).map(({ id }) => ({ ref: id, from: folder.id }));
    return { upserts, deletes, ...following(page, folder, present.length, since !== undefined) };
  };
}

function following(page: DeltaPage, folder: FolderState, came: number, filters: boolean): Pick<Step, 'next' | 'ended'> {
  const { '@odata.nextLink': more, '@odata.deltaLink': end } = page;
  const link = more ?? end;
  if (link === undefined) throw new UnavailableError('Outlook did not say where a listing goes on', { details: { method: 'messages.delta' } });
  if (folder.listed) return { next: { ...folder, link }, ended: more === undefined };
  const counts = filters && !folder.unfiltered;
  const named = (folder.named ?? 0) + came;
  if (more !== undefined) return { next: { ...folder, link, ...(counts ? { named } : {}) }, ended: false };
  if (counts && named >= MOST_FILTERED) return { next: { id: folder.id, unfiltered: true }, ended: false };
  return { next: { id: folder.id, link, listed: true, ...(folder.unfiltered ? { unfiltered: true } : {}) }, ended: true };
}

function itemOf(message: OutlookMessage, { id, path }: Folder): SourceItem {
  return {
    ref: message.id,
    kind: 'email',
    version: versionOf(message),
    name: subjectOf(message),
    place: id,
    path,
    mimeType: null,
    sizeBytes: null,
    modifiedAt: timeOf(message.receivedDateTime),
    url: message.webLink ?? null,
    handle: message,
  };
}

/** Undefined: it is gone. */
export function findMessage(id: string, graph: Graph): Promise<OutlookMessage | undefined> {
  return graph.find(`/me/messages/${encodeURIComponent(id)}?${FIELDS}`, { method: 'messages.get', headers: { Prefer: IMMUTABLE } });
}

const LOST = /^(?:resyncRequired|syncState(?:NotFound|Invalid)|ErrorInvalidSyncStateData)$/i;

function explainLoss(error: unknown, { link }: FolderState): never {
  const refusal = refusalOf(error);
  if (refusal?.status === 410 || LOST.test(refusal?.reason ?? '')) throw new CursorLostError('expired');
  // A moment ago it was there.
  if (refusal?.status === 404) throw new CursorLostError('folder_gone');
  // What Graph itself has given is taken, unless it has forgotten what it meant.
  if (refusal?.status === 400 && link !== undefined) throw new CursorLostError('refused');
  throw error;
}

function isTooMuch(error: unknown): boolean {
  if (error instanceof PermanentError) return error.code === 'answer_too_big';
  if (!(error instanceof UnavailableError)) return false;
  return error.details?.status === 504 || error.details?.reason === 'timeout';
}
