/** mailFolder: delta. All folders of a mailbox, whatever they are in; hidden ones stay out. */
import { originOf } from './drives.ts';
import { badRequest, type Call, isReply, json, type Reply, refuse } from './http.ts';
import { FOLDER_PROPERTIES, folderJson } from './mail-json.ts';
import type { Mailbox } from './mailbox.ts';
import { option, readPreferences, readSelect, selected } from './odata.ts';
import { seal, unseal } from './state-tokens.ts';

interface State {
  /** Up to which count of the mailbox folders have been told. */
  after: number;
  select: readonly string[] | undefined;
  generation: number;
}

export interface FolderDeltaRequest {
  mailbox: Mailbox;
  call: Call;
  generation: number;
}

export function answerFolderDelta({ mailbox, call, generation }: FolderDeltaRequest): Reply {
  const select = readSelect(call, FOLDER_PROPERTIES, 'microsoft.graph.mailFolder');
  if (select && isReply(select)) return select;
  const preferences = readPreferences(call);
  const token = option(call, '$deltatoken') ?? option(call, '$skiptoken');
  const state = token === undefined ? { after: 0, select, generation } : unseal<State>(token);
  if (!state) return badRequest('Badly formed token.', 'ErrorInvalidRequest');
  if (state.generation !== generation) return refuse(410, { code: 'SyncStateNotFound', message: 'The sync state generation is not found.' });
  const changed = [...mailbox.folders.values()].filter((folder) => folder.parent && !folder.hidden && folder.changed > state.after);
  changed.sort((one, other) => one.changed - other.changed);
  const page = changed.slice(0, preferences.maxPageSize ?? mailbox.pageSize);
  const more = page.length < changed.length;
  const next: State = { ...state, after: page.at(-1)?.changed ?? state.after };
  const link = `${originOf(call)}${call.path}?${more ? '$skiptoken' : '$deltatoken'}=${seal(next)}`;
  const value = page.map((folder) => ({ '@odata.type': '#microsoft.graph.mailFolder', ...selected(folderJson(folder, mailbox), state.select) }));
  return json(200, { value, [more ? '@odata.nextLink' : '@odata.deltaLink']: link }, preferences.applied);
}
