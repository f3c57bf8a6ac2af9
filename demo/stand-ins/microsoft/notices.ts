/** Notices of change, and the check of the address they go to. */
import { randomUUID } from 'node:crypto';
import type { MicrosoftSubscription } from './contract.ts';
import { badRequest, type Reply } from './http.ts';
import { guidOf, newGuid, TENANT_ID } from './ids.ts';
import type { Mailbox } from './mailbox.ts';
import type { Asked } from './subscription-request.ts';

const VALIDATION_MS = 10_000;

/** What is subscribed to. */
export interface Target {
  kind: 'drive' | 'mail';
  /** In notices of a mail. */
  idOf?: ((message: { immutableId: string; restId: string }) => string) | undefined;
}

/** The token has to come back as it is, in plain text, within ten seconds. */
export async function validate(address: string): Promise<Reply | undefined> {
  const failed = (why: string): Reply => badRequest(`Subscription validation request failed. ${why}`, 'ValidationError');
  const token = `Validation: Testing client application reachability for subscription Request-Id: ${randomUUID()}`;
  const url = new URL(address);
  url.searchParams.set('validationToken', token);
  try {
    const headers = { 'content-type': 'text/plain; charset=utf-8' };
    const response = await fetch(url, { method: 'POST', headers, signal: AbortSignal.timeout(VALIDATION_MS), redirect: 'manual' });
    const text = await response.text();
    if (response.status !== 200) return failed('Must respond with 200 OK to this request.');
    if (!/^text\/plain\b/i.test(response.headers.get('content-type') ?? '')) return failed('The content type of the response must be text/plain.');
    return text === token ? undefined : failed('Response must exactly match validationToken query parameter.');
  } catch {
    return failed('The request timed out or the address could not be reached.');
  }
}

export function subscriptionOf(asked: Asked, target: Target, email: string, mailboxOf: (email: string) => Mailbox): MicrosoftSubscription {
  const { expiresAt, ...about } = asked;
  const subscription: MicrosoftSubscription = {
    ...about,
    id: newGuid(),
    expirationDateTime: new Date(expiresAt).toISOString(),
    notify({ changeType = 'updated', resourceId } = {}) {
      const { resource, resourceData } =
        target.kind === 'drive' ? { resource: asked.resource.replace(/^\//, ''), resourceData: null } : mailData(resourceId);
      return post(asked.notificationUrl, { ...common(), changeType, resource, resourceData });
    },
    lifecycle(event) {
      if (asked.lifecycleNotificationUrl === null) throw new Error('The subscription has no lifecycleNotificationUrl');
      return post(asked.lifecycleNotificationUrl, { ...common(), lifecycleEvent: event });
    },
  };
  function common(): object {
    return {
      subscriptionId: subscription.id,
      subscriptionExpirationDateTime: subscription.expirationDateTime,
      tenantId: TENANT_ID,
      ...(asked.clientState === null ? {} : { clientState: asked.clientState }),
    };
  }
  function mailData(resourceId: string | undefined): { resource: string; resourceData: object } {
    const message = resourceId === undefined ? [...mailboxOf(email).messages.values()].at(-1) : mailboxOf(email).findMessage(resourceId);
    const id = (message && target.idOf?.(message)) ?? resourceId ?? newGuid();
    const resource = `Users/${guidOf('user', email)}/Messages/${id}`;
    return { resource, resourceData: { '@odata.type': '#Microsoft.Graph.Message', '@odata.id': resource, '@odata.etag': 'W/"CQAAABYAAAA="', id } };
  }
  return subscription;
}

function post(address: string, notice: object): Promise<Response> {
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  return fetch(address, { method: 'POST', headers, body: JSON.stringify({ value: [notice] }) });
}
