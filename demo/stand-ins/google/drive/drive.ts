/** The Drive API, v3: who may call, and the methods. */

import { tokenOf, unauthorized } from '../gmail.ts';
import type { Grant, Grants } from '../grants.ts';
import { type Call, notFound, type Reply, refuse } from '../http.ts';
import type { Method } from '../journal.ts';
import { listChanges, startToken } from './changes.ts';
import type { Channels } from './channels.ts';
import { type Drives, exportFile, getFile, listFiles } from './files.ts';

export interface DriveDeps {
  grants: Grants;
  drivesOf(email: string): Drives;
  channels: Channels;
}

interface Route {
  method: Method;
  verb: 'GET' | 'POST';
  pattern: RegExp;
  answer(call: Call, drives: Drives, ids: readonly string[], about: { grant: Grant; deps: DriveDeps }): Reply;
}

const routes: readonly Route[] = [
  { method: 'drive.list', verb: 'GET', pattern: /^\/files$/, answer: listFiles },
  { method: 'drive.get', verb: 'GET', pattern: /^\/files\/([^/]+)$/, answer: getFile },
  { method: 'drive.export', verb: 'GET', pattern: /^\/files\/([^/]+)\/export$/, answer: exportFile },
  { method: 'drive.startToken', verb: 'GET', pattern: /^\/changes\/startPageToken$/, answer: startToken },
  { method: 'drive.changes', verb: 'GET', pattern: /^\/changes$/, answer: listChanges },
  {
    method: 'drive.watch',
    verb: 'POST',
    pattern: /^\/changes\/watch$/,
    answer: (call, drives, _, { grant, deps }) => deps.channels.watch(call, drives, grant.email),
  },
  {
    method: 'drive.stop',
    verb: 'POST',
    pattern: /^\/channels\/stop$/,
    answer: (call, _, __, { grant, deps }) => deps.channels.stop(call, grant.email),
  },
];

const DRIVE = 'https://www.googleapis.com/auth/drive';
/** With these alone files can be listed, but not read. */
const MAY_LIST = [DRIVE, `${DRIVE}.readonly`, `${DRIVE}.metadata`, `${DRIVE}.metadata.readonly`];
const MAY_READ = MAY_LIST.slice(0, 2);

function find(call: Call): { route: Route; ids: string[] } | undefined {
  const [, rest = ''] = /^\/drive\/v3(\/.*)$/.exec(call.path) ?? [];
  const route = routes.find(({ verb, pattern }) => verb === call.method && pattern.test(rest));
  return route && { route, ids: route.pattern.exec(rest)?.slice(1).map(decodeURIComponent) ?? [] };
}

export const isDrive = ({ path }: Call): boolean => path.startsWith('/drive/v3/');

export function driveMethodOf(call: Call): Method {
  const method = find(call)?.route.method ?? 'other';
  return method === 'drive.get' && call.query.get('alt') === 'media' ? 'drive.download' : method;
}

export function answerDrive(call: Call, deps: DriveDeps): Reply {
  const found = find(call);
  if (!found) return notFound();
  const grant = deps.grants.check(tokenOf(call));
  if (!grant) return unauthorized();
  const allowed = ['drive.download', 'drive.export'].includes(driveMethodOf(call)) ? MAY_READ : MAY_LIST;
  if (!grant.scopes.some((scope) => allowed.includes(scope))) {
    return refuse(403, { message: 'Request had insufficient authentication scopes.', reason: 'insufficientPermissions' });
  }
  return found.route.answer(call, deps.drivesOf(grant.email), found.ids, { grant, deps });
}
