/** What is asked of `POST` and `PATCH /subscriptions`, and what of it is refused. */
import { badRequest, type Call, type Reply } from './http.ts';

export const MINUTE = 60_000;
/** "Subscription lifetime" of the subscription resource. */
const LIFETIME_MINUTES = { drive: 42_300, mail: 10_080 };
const SHORTEST_MINUTES = 45;
const LONGEST_CLIENT_STATE = 128;
const KNOWN_FIELDS = [
  'changeType',
  'notificationUrl',
  'resource',
  'expirationDateTime',
  'clientState',
  'lifecycleNotificationUrl',
  'latestSupportedTlsVersion',
];

export interface Asked {
  changeType: string;
  notificationUrl: string;
  lifecycleNotificationUrl: string | null;
  resource: string;
  clientState: string | null;
  expiresAt: number;
}

export const invalid = (message: string): Reply => badRequest(message, 'InvalidRequest');

export function readBody(call: Call): Record<string, unknown> | Reply {
  if (!/^application\/json\b/i.test(call.headers['content-type'] ?? ''))
    return badRequest('Unable to read JSON request payload: Content-Type must be application/json.');
  try {
    const body: unknown = JSON.parse(call.body);
    // Seen to be an object.
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch {}
  return badRequest('Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.');
}

export function readAsked(body: Readonly<Record<string, unknown>>, now: number): Asked | Reply {
  const stranger = Object.keys(body).find((name) => !KNOWN_FIELDS.includes(name) && !name.startsWith('@odata.'));
  if (stranger !== undefined) return badRequest(`The property '${stranger}' does not exist on type 'microsoft.graph.subscription'.`);
  const { changeType, notificationUrl, resource, clientState = null, lifecycleNotificationUrl = null } = body;
  if (typeof changeType !== 'string' || changeType === '') return invalid('The required property changeType is missing.');
  if (!changeType.split(',').every((type) => ['created', 'updated', 'deleted'].includes(type.trim())))
    return invalid('The value of changeType is not supported.');
  if (!isNoticeUrl(notificationUrl)) return invalid('notificationUrl must be an address with https.');
  if (lifecycleNotificationUrl !== null && !isNoticeUrl(lifecycleNotificationUrl))
    return invalid('lifecycleNotificationUrl must be an address with https.');
  if (typeof resource !== 'string' || resource === '') return invalid('The required property resource is missing.');
  if (clientState !== null && (typeof clientState !== 'string' || clientState.length > LONGEST_CLIENT_STATE))
    return invalid(`clientState must have ${LONGEST_CLIENT_STATE} characters at most.`);
  const expiresAt = readExpiry(body.expirationDateTime, now);
  return typeof expiresAt === 'object' ? expiresAt : { changeType, notificationUrl, lifecycleNotificationUrl, resource, clientState, expiresAt };
}

/** On this machine without TLS, too. */
function isNoticeUrl(address: unknown): address is string {
  if (typeof address !== 'string' || !URL.canParse(address)) return false;
  const { protocol, hostname } = new URL(address);
  return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname));
}

/** Anything sooner than 45 minutes is brought up to that. */
export function readExpiry(given: unknown, now: number): number | Reply {
  const at = typeof given === 'string' && /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(given) ? Date.parse(given) : Number.NaN;
  if (Number.isNaN(at)) return invalid('expirationDateTime must be a date and time in UTC.');
  if (at <= now) return invalid('Subscription expiration must be in the future.');
  return Math.max(at, now + SHORTEST_MINUTES * MINUTE);
}

export function lifetimeFailure(expiresAt: number, kind: keyof typeof LIFETIME_MINUTES, now: number): Reply | undefined {
  const most = LIFETIME_MINUTES[kind];
  return expiresAt - now > most * MINUTE ? invalid(`Subscription expiration can only be ${most} minutes in the future.`) : undefined;
}
