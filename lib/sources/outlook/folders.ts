/** Which folders of a mailbox belong to a source. Their names are in the language of their owner; what each is for is told by well-known names alone. */
import { PermanentError } from '../../errors.ts';
import type { Graph } from '../graph/contract.ts';
import type { OutlookSettings } from './settings.ts';
import { findWellKnown, type WellKnown, wellKnownNameOf } from './well-known.ts';

export interface Folder {
  id: string;
  /** Such as `Deals/Nova`. */
  path: string;
}

interface MailFolder {
  '@odata.type'?: string;
  '@removed'?: unknown;
  id: string;
  displayName?: string | null;
  parentFolderId?: string | null;
  isHidden?: boolean | null;
}

/** Each takes a call in every sync, and a link in the cursor. */
const MOST_FOLDERS = 200;
/** Graph lowers it to what it can give. */
const PAGE = 500;
const LISTING = '/me/mailFolders/delta?$select=displayName,parentFolderId,isHidden';

/** Not for reading: what is written or thrown away, and what programs keep. Last those that a mailbox may not have. */
const LEFT_OUT = ['drafts', 'deleteditems', 'junkemail', 'outbox', 'syncissues', 'conversationhistory'];
/** Has no well-known name; its own holds the word in the languages that were looked at. */
const FEEDS = /\brss\b/i;

/**
 * The folders of the source, by their paths, in one call; `known` is filled up with well-known folders that it takes a second one to find.
 * Throws `PermanentError`: `source_missing` where a folder that is named is not there, `too_many_folders`.
 */
export async function foldersOf(settings: OutlookSettings, known: WellKnown, graph: Graph): Promise<Folder[]> {
  const tree = treeOf(await listFolders(graph));
  const chosen = settings.folders ? await namedFolders(settings.folders, settings, tree, known, graph) : await usualFolders(tree, known, graph);
  if (chosen.length > MOST_FOLDERS) {
    const message = `The mailbox has ${chosen.length} folders, more than the ${MOST_FOLDERS} that a source may follow: name those that matter in \`folders\` of the source`;
    throw new PermanentError(message, { code: 'too_many_folders', details: { folders: chosen.length } });
  }
  return chosen.map(({ id }) => ({ id, path: tree.pathOf(id) })).sort((one, other) => (one.path < other.path ? -1 : 1));
}

/** A delta without a token tells all folders, those within others too, where a plain listing would take a call for each that has any. */
async function listFolders(graph: Graph): Promise<MailFolder[]> {
  const folders: MailFolder[] = [];
  for (let link: string | undefined = LISTING; link !== undefined; ) {
    const page: { value?: MailFolder[]; '@odata.nextLink'?: string } = await graph.get(link, {
      method: 'mailFolders.delta',
      headers: { Prefer: `odata.maxpagesize=${PAGE}` },
    });
    folders.push(...(page.value ?? []));
    link = page['@odata.nextLink'];
  }
  return folders.filter((one) => one['@removed'] === undefined && one.isHidden !== true && !/searchfolder/i.test(one['@odata.type'] ?? ''));
}

type Tree = ReturnType<typeof treeOf>;

function treeOf(folders: readonly MailFolder[]) {
  const byId = new Map(folders.map((folder) => [folder.id, folder]));
  const within = Map.groupBy(folders, ({ parentFolderId }) => (parentFolderId && byId.has(parentFolderId) ? parentFolderId : undefined));

  /** From the top down, itself last. A loop cannot be, but would never end. */
  function lineOf(id: string): MailFolder[] {
    const line: MailFolder[] = [];
    for (let folder = byId.get(id); folder && !line.includes(folder); folder = byId.get(folder.parentFolderId ?? '')) line.unshift(folder);
    return line;
  }
  return {
    all: [...byId.values()],
    has: (id: string) => byId.has(id),
    lineOf,
    pathOf: (id: string) =>
      lineOf(id)
        .map(({ displayName }) => displayName ?? '')
        .join('/'),
    child: (parentId: string | undefined, name: string) =>
      within.get(parentId)?.find(({ displayName }) => displayName?.toLowerCase() === name.toLowerCase()),
  };
}

async function usualFolders(tree: Tree, known: WellKnown, graph: Graph): Promise<MailFolder[]> {
  await findWellKnown(LEFT_OUT, known, graph);
  const outside = new Set(LEFT_OUT.map((name) => known[name]));
  return tree.all.filter(({ id }) => {
    const line = tree.lineOf(id);
    return !line.some((folder) => outside.has(folder.id)) && !FEEDS.test(line[0]?.displayName ?? '');
  });
}

async function namedFolders(
  paths: readonly string[],
  { includeSubfolders = true }: OutlookSettings,
  tree: Tree,
  known: WellKnown,
  graph: Graph,
): Promise<MailFolder[]> {
  const roots = new Set<string>();
  for (const path of paths) roots.add(await find(path, tree, known, graph));
  return tree.all.filter(({ id }) => (includeSubfolders ? tree.lineOf(id).some((folder) => roots.has(folder.id)) : roots.has(id)));
}

/** Names first, as people see them; the first of a path may be a well-known one, in any language. */
async function find(path: string, tree: Tree, known: WellKnown, graph: Graph): Promise<string> {
  const [first = '', ...rest] = path.split('/').filter((name) => name.trim() !== '');
  const top = tree.child(undefined, first.trim())?.id ?? (await byWellKnownName(first, known, graph));
  const found = rest.reduce((parent, name) => (parent === undefined ? undefined : tree.child(parent, name.trim())?.id), top);
  if (found !== undefined && tree.has(found)) return found;
  throw new PermanentError(`The mailbox has no folder ${path}: check \`folders\` of the source`, {
    code: 'source_missing',
    details: { folder: path },
  });
}

async function byWellKnownName(name: string, known: WellKnown, graph: Graph): Promise<string | undefined> {
  const wellKnown = wellKnownNameOf(name);
  if (wellKnown === undefined) return undefined;
  await findWellKnown([wellKnown], known, graph);
  return known[wellKnown] ?? undefined;
}
