/** Change notifications: /subscriptions, the check of an address, and the notices themselves. */
import type { MicrosoftSubscription } from './contract.ts';
import type { Drive } from './drive.ts';
import { type Grant, hasScope } from './grants.ts';
import { badRequest, type Call, denied, isReply, json, missing, noContent, type Reply, refuse } from './http.ts';
import { guidOf } from './ids.ts';
import type { Mailbox } from './mailbox.ts';
import { subscriptionOf, type Target, validate } from './notices.ts';
import { readPreferences } from './odata.ts';
import { parsePath, same } from './paths.ts';
import { type Asked, invalid, lifetimeFailure, MINUTE, readAsked, readBody, readExpiry } from './subscription-request.ts';

export interface SubscriptionDeps {
  now(): number;
  clientId: string;
  /** The drive that a resource such as `drives/{id}/root` means. */
  driveOf(segments: readonly string[], grant: Grant): { drive: Drive; rest: readonly string[] } | Reply | undefined;
  mailboxOf(email: string): Mailbox;
  readersMaySubscribe(): boolean;
}

export interface Subscriptions {
  all: Map<string, MicrosoftSubscription>;
  answer(rest: readonly string[], call: Call, grant: Grant): Promise<Reply>;
}

export function createSubscriptions(deps: SubscriptionDeps): Subscriptions {
  const { now } = deps;
  const all = new Map<string, MicrosoftSubscription>();
  const owners = new Map<string, string>();

  function purge(): void {
    for (const { id, expirationDateTime } of all.values()) if (Date.parse(expirationDateTime) <= now()) all.delete(id);
  }
  async function create(call: Call, grant: Grant): Promise<Reply> {
    const body = readBody(call);
    if (isReply(body)) return body;
    const asked = readAsked(body, now());
    if (isReply(asked)) return asked;
    const target = targetOf(asked, call, grant, deps);
    if (isReply(target)) return target;
    const late = lifetimeFailure(asked.expiresAt, target.kind, now());
    if (late) return late;
    if (target.kind === 'mail' && asked.lifecycleNotificationUrl === null && asked.expiresAt - now() > 60 * MINUTE)
      return invalid(
        'lifecycleNotificationUrl is a required property for subscription creation on this resource when the expirationDateTime value is set to greater than 1 hour',
      );
    for (const address of new Set([asked.notificationUrl, asked.lifecycleNotificationUrl ?? asked.notificationUrl])) {
      const failure = await validate(address);
      if (failure) return failure;
    }
    const subscription = subscriptionOf(asked, target, grant.email, deps.mailboxOf);
    all.set(subscription.id, subscription);
    owners.set(subscription.id, grant.email);
    return json(201, toJson(subscription, deps.clientId, grant.email));
  }
  function renew(subscription: MicrosoftSubscription, call: Call, grant: Grant): Reply {
    const body = readBody(call);
    if (isReply(body)) return body;
    const stranger = Object.keys(body).find((name) => !['expirationDateTime', 'notificationUrl'].includes(name));
    if (stranger !== undefined) return invalid(`${stranger} of a subscription cannot be changed.`);
    const expiresAt = readExpiry(body.expirationDateTime, now());
    if (typeof expiresAt === 'object') return expiresAt;
    const late = lifetimeFailure(expiresAt, isMail(subscription.resource) ? 'mail' : 'drive', now());
    if (late) return late;
    subscription.expirationDateTime = new Date(expiresAt).toISOString();
    return json(200, toJson(subscription, deps.clientId, grant.email));
  }
  return {
    all,
    async answer(rest, call, grant) {
      purge();
      const [id, verb] = rest;
      const mine = (subscription: MicrosoftSubscription): boolean => owners.get(subscription.id) === grant.email;
      if (id === undefined && call.method === 'POST') return create(call, grant);
      if (id === undefined && call.method === 'GET') {
        return json(200, { value: [...all.values()].filter(mine).map((one) => toJson(one, deps.clientId, grant.email)) });
      }
      const found = all.get(id ?? '');
      if (!found || !mine(found)) return refuse(404, { code: 'ResourceNotFound', message: 'The object was not found.' });
      if (call.method === 'POST' && same(verb, 'reauthorize')) return noContent();
      if (verb !== undefined) return missing('graph');
      if (call.method === 'GET') return json(200, toJson(found, deps.clientId, grant.email));
      if (call.method === 'PATCH') return renew(found, call, grant);
      if (call.method !== 'DELETE') return badRequest('The HTTP method is not supported here.');
      all.delete(found.id);
      return noContent();
    },
  };
}

const isMail = (resource: string): boolean => /(^|\/)(mailFolders|messages)\b/i.test(resource);

function targetOf({ resource, changeType }: Asked, call: Call, grant: Grant, deps: SubscriptionDeps): Target | Reply {
  const { segments } = parsePath(`/${resource.replace(/^\//, '')}`);
  if (isMail(resource)) return mailTarget(segments, call, grant, deps);
  const found = deps.driveOf(segments, grant);
  if (found && isReply(found)) return found;
  // Of a business drive the root alone; drives and files never.
  if (found?.rest.length !== 1 || !same(found.rest[0], 'root')) return invalid(`resource '${resource}' is not supported.`);
  if (changeType !== 'updated') return invalid("The value of changeType is not supported for this resource: 'updated' alone is.");
  if (!deps.readersMaySubscribe() && !hasScope(grant, 'Files.ReadWrite.All', 'Sites.ReadWrite.All', 'Sites.Manage.All', 'Sites.FullControl.All'))
    return denied('sharepoint');
  return { kind: 'drive' };
}

function mailTarget(segments: readonly string[], call: Call, grant: Grant, deps: SubscriptionDeps): Target | Reply {
  if (!hasScope(grant, 'Mail.Read', 'Mail.ReadWrite')) return denied('outlook');
  const [first, user, ...others] = segments;
  const [collection, id, last, ...more] = same(first, 'me') ? [user, ...others] : others;
  if (!same(first, 'me') && !(same(first, 'users') && isUser(user, grant.email))) return denied('outlook');
  const immutable = readPreferences(call).immutableIds;
  const target: Target = { kind: 'mail', idOf: (message) => (immutable ? message.immutableId : message.restId) };
  if (same(collection, 'messages') && id === undefined) return target;
  if (!same(collection, 'mailFolders') || !same(last, 'messages') || more.length > 0)
    return invalid(`resource '${segments.join('/')}' is not supported.`);
  return deps.mailboxOf(grant.email).findFolder(id ?? '') ? target : missing('outlook');
}

export const isUser = (given: string | undefined, email: string): boolean => same(given, email) || given === guidOf('user', email);

function toJson({ notify: _notify, lifecycle: _lifecycle, ...about }: MicrosoftSubscription, clientId: string, email: string): object {
  return {
    '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#subscriptions/$entity',
    ...about,
    applicationId: clientId,
    creatorId: guidOf('user', email),
  };
}
