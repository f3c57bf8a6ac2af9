/** The paths of Graph: who asks, what for, and whether the token allows it. */
import type { Account } from './accounts.ts';
import type { Drive } from './drive.ts';
import { driveJson } from './drive-json.ts';
import { answerDrive, type DriveAsk, type DriveDeps, driveMethod, originOf } from './drives.ts';
import { type Grant, hasScope } from './grants.ts';
import { badRequest, type Call, denied, json, missing, type Reply, refuse, type Service } from './http.ts';
import { guidOf } from './ids.ts';
import { answerMail, mailMethod } from './mail.ts';
import { option } from './odata.ts';
import { type GraphPath, parsePath, same } from './paths.ts';
import { type Site, siteJson } from './sites.ts';
import { isUser, type Subscriptions } from './subscriptions.ts';

export interface GraphDeps extends DriveDeps {
  account(email: string): Account;
  drives: ReadonlyMap<string, Drive>;
  sites: readonly Site[];
  subscriptions: Subscriptions;
}

/** What a call is, before it is answered. */
export interface Route {
  /** For the journal. */
  method: string;
  service: Service;
  answer(): Reply | Promise<Reply>;
}

const READ_ALL_FILES = [
  'Files.Read.All',
  'Files.ReadWrite.All',
  'Sites.Read.All',
  'Sites.ReadWrite.All',
  'Sites.Manage.All',
  'Sites.FullControl.All',
];
const READ_OWN_FILES = ['Files.Read', 'Files.ReadWrite'];
const READ_SITES = ['Sites.Read.All', 'Sites.ReadWrite.All', 'Sites.Manage.All', 'Sites.FullControl.All'];
const READ_USER = ['User.Read', 'User.ReadWrite', 'User.ReadBasic.All', 'User.Read.All', 'User.ReadWrite.All'];
const READ_MAIL = ['Mail.Read', 'Mail.ReadWrite'];

export const unauthorized = (message: string): Reply =>
  refuse(401, {
    code: 'InvalidAuthenticationToken',
    message,
    headers: { 'www-authenticate': 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"' },
  });

/** `path`: without `/v1.0`. */
export function routeGraph(call: Call, path: GraphPath, grant: Grant, deps: GraphDeps): Route {
  const segments = path.byPath?.before ?? path.segments;
  const [first, ...others] = segments;
  if (same(first, 'me')) return routeUser(others, path, call, grant, deps);
  if (same(first, 'users')) {
    const [user, ...rest] = others;
    return isUser(user, grant.email) ? routeUser(rest, path, call, grant, deps) : stranger(rest, deps, user);
  }
  if (same(first, 'drives')) return routeDrive(deps.drives.get(others[0] ?? ''), others.slice(1), path, call, grant, deps);
  if (same(first, 'sites')) return routeSites(others, path, call, grant, deps);
  if (same(first, 'subscriptions')) {
    return { method: subscriptionMethod(call), service: 'graph', answer: () => deps.subscriptions.answer(others, call, grant) };
  }
  return route('other', 'graph', () => badRequest(`Resource not found for the segment '${first ?? ''}'.`));
}

const route = (method: string, service: Service, answer: Route['answer']): Route => ({ method, service, answer });

/** Another user's: not with what a user can allow. */
function stranger(rest: readonly string[], { account }: GraphDeps, user: string | undefined): Route {
  const isMail = same(rest[0], 'mailFolders') || same(rest[0], 'messages');
  const service = isMail ? 'outlook' : same(rest[0], 'drive') ? 'sharepoint' : 'graph';
  return route('other', service, () => {
    try {
      account(user ?? '');
      return denied(service);
    } catch {
      return refuse(404, { code: 'Request_ResourceNotFound', message: `Resource '${user}' does not exist.` });
    }
  });
}

const SUBSCRIPTION_METHODS: Readonly<Record<string, string>> = {
  POST: 'subscriptions.create',
  PATCH: 'subscriptions.renew',
  DELETE: 'subscriptions.delete',
  GET: 'subscriptions.get',
};

const subscriptionMethod = ({ method }: Call): string => SUBSCRIPTION_METHODS[method] ?? 'other';

function routeUser(rest: readonly string[], path: GraphPath, call: Call, grant: Grant, deps: GraphDeps): Route {
  const { drive, mailbox, email } = deps.account(grant.email);
  const [first, ...others] = rest;
  if (first === undefined) {
    return route('me', 'graph', () => (hasScope(grant, ...READ_USER) ? json(200, userJson(email, call)) : denied('graph')));
  }
  if (same(first, 'drive')) return routeDrive(drive, others, path, call, grant, deps);
  if (same(first, 'drives')) return driveList([drive], grant, [...READ_OWN_FILES, ...READ_ALL_FILES]);
  if (same(first, 'mailFolders') || same(first, 'messages')) {
    const ask = { mailbox, rest, token: path.token, generation: deps.generation() };
    return route(mailMethod(rest), 'outlook', () => (hasScope(grant, ...READ_MAIL) ? answerMail(ask, call) : denied('outlook')));
  }
  return route('other', 'graph', () => badRequest(`Resource not found for the segment '${first}'.`));
}

function userJson(email: string, call: Call): object {
  const name = email.replace(/@.*/, '');
  const user = { id: guidOf('user', email), displayName: name, mail: email, userPrincipalName: email };
  return { '@odata.context': `${originOf(call)}/v1.0/$metadata#users/$entity`, ...user };
}

const mayRead = (drive: Drive, grant: Grant): boolean =>
  (drive.owner === undefined || drive.owner === grant.email) &&
  (hasScope(grant, ...READ_ALL_FILES) || (drive.owner === grant.email && hasScope(grant, ...READ_OWN_FILES)));

function routeDrive(drive: Drive | undefined, rest: readonly string[], path: GraphPath, call: Call, grant: Grant, deps: GraphDeps): Route {
  if (!drive) return route('drive', 'sharepoint', () => missing('sharepoint'));
  const byPath = path.byPath && { path: path.byPath.path, rest: path.segments };
  const ask: DriveAsk = { drive, rest, byPath, token: path.token };
  return route(driveMethod(ask), 'sharepoint', () => (mayRead(drive, grant) ? answerDrive(ask, call, deps) : denied('sharepoint')));
}

function driveList(drives: readonly Drive[], grant: Grant, scopes: readonly string[]): Route {
  return route('drives', 'sharepoint', () => (hasScope(grant, ...scopes) ? json(200, { value: drives.map(driveJson) }) : denied('sharepoint')));
}

/** `sites/{host}:/sites/nova` and `sites/{id}`, each with `/drive` or `/drives` behind it. */
function routeSites(others: readonly string[], path: GraphPath, call: Call, grant: Grant, deps: GraphDeps): Route {
  const [idOrHost, ...more] = others;
  if (idOrHost === undefined) return searchSites(call, grant, deps.sites);
  const isAddress = path.byPath !== undefined && more.length === 0;
  const site = isAddress ? siteAt(deps.sites, idOrHost, path.byPath?.path ?? '/') : siteById(deps.sites, idOrHost);
  const [verb, ...rest] = isAddress ? path.segments : more;
  const inner: GraphPath = isAddress ? { segments: [], byPath: undefined, token: path.token } : path;
  if (verb === undefined) return oneSite(site, grant, isAddress ? 'site.byPath' : 'site');
  if (!site) return route('site', 'sharepoint', () => missing('sharepoint'));
  if (same(verb, 'drive')) return routeDrive(site.drives[0], rest, inner, call, grant, deps);
  if (same(verb, 'drives') && rest.length === 0) return driveList(site.drives, grant, READ_ALL_FILES);
  if (same(verb, 'drives'))
    return routeDrive(
      site.drives.find(({ id }) => id === rest[0]),
      rest.slice(1),
      inner,
      call,
      grant,
      deps,
    );
  return route('other', 'sharepoint', () => badRequest(`Resource not found for the segment '${verb}'.`));
}

const siteAt = (sites: readonly Site[], host: string, path: string): Site | undefined =>
  sites.find((site) => same(site.host, host) && same(site.path, path.replace(/\/+$/, '')));

/** By the whole id, or by the host for its first site. */
const siteById = (sites: readonly Site[], id: string): Site | undefined => sites.find((site) => site.id === id || site.id.split(',')[1] === id);

function oneSite(site: Site | undefined, grant: Grant, method: string): Route {
  return route(method, 'sharepoint', () => {
    if (!hasScope(grant, ...READ_SITES)) return denied('sharepoint');
    return site ? json(200, siteJson(site)) : refuse(404, { code: 'itemNotFound', message: 'Requested site could not be found' });
  });
}

function searchSites(call: Call, grant: Grant, sites: readonly Site[]): Route {
  return route('sites', 'sharepoint', () => {
    if (!hasScope(grant, ...READ_SITES)) return denied('sharepoint');
    const words = option(call, 'search')?.toLowerCase();
    if (words === undefined) return badRequest('Only searching is supported with delegated permissions.', 'invalidRequest');
    const found = sites.filter((site) => words === '*' || `${site.displayName} ${site.path}`.toLowerCase().includes(words));
    return json(200, { value: found.map(siteJson) });
  });
}

/** For subscriptions: the drive of a resource, and what of it is meant. */
export function resolveDrive(
  segments: readonly string[],
  grant: Grant,
  deps: GraphDeps,
): { drive: Drive; rest: readonly string[] } | Reply | undefined {
  const [first, second, third, fourth, ...more] = segments;
  const found = (drive: Drive | undefined, rest: readonly (string | undefined)[]) => {
    if (!drive) return missing('sharepoint');
    return mayRead(drive, grant) ? { drive, rest: rest.filter((one) => one !== undefined) } : denied('sharepoint');
  };
  if (same(first, 'me') && same(second, 'drive')) return found(deps.account(grant.email).drive, [third, fourth, ...more]);
  if (same(first, 'users') && isUser(second, grant.email) && same(third, 'drive')) return found(deps.account(grant.email).drive, [fourth, ...more]);
  if (same(first, 'drives')) return found(deps.drives.get(second ?? ''), [third, fourth, ...more]);
  const site = same(first, 'sites') ? siteById(deps.sites, second ?? '') : undefined;
  if (site && same(third, 'drive')) return found(site.drives[0], [fourth, ...more]);
  return undefined;
}

export const parseGraphPath = (call: Call): GraphPath => parsePath(call.path.replace(/^\/v1\.0/i, ''));
