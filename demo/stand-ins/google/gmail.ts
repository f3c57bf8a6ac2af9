/** The Gmail API: who may call, what it costs, and the methods. */
import type { StandInClock } from './clock.ts';
import type { ActiveFaults } from './faults.ts';
import type { Grant, Grants } from './grants.ts';
import { type Call, invalidArgument, json, notFound, type Reply, refuse } from './http.ts';
import type { Method } from './journal.ts';
import { listHistory, listMessages } from './list.ts';
import type { Mailbox } from './mailbox.ts';
import { describeMail, FORMATS, type Format, readAttachment } from './message.ts';
import type { Costs, Quota } from './quota.ts';

export interface GmailDeps {
  mailboxes: ReadonlyMap<string, Mailbox>;
  grants: Grants;
  quota: Quota;
  faults: ActiveFaults;
  clock: StandInClock;
}

interface Route {
  method: keyof Costs;
  verb: 'GET' | 'POST';
  pattern: RegExp;
  answer(call: Call, mailbox: Mailbox, ids: readonly string[], deps: GmailDeps): Reply;
}

const routes: readonly Route[] = [
  { method: 'profile', verb: 'GET', pattern: /^\/profile$/, answer: (_, mailbox) => profile(mailbox) },
  { method: 'labels', verb: 'GET', pattern: /^\/labels$/, answer: (_, mailbox) => labels(mailbox) },
  { method: 'list', verb: 'GET', pattern: /^\/messages$/, answer: listMessages },
  { method: 'get', verb: 'GET', pattern: /^\/messages\/([^/]+)$/, answer: getMessage },
  { method: 'attachment', verb: 'GET', pattern: /^\/messages\/([^/]+)\/attachments\/([^/]+)$/, answer: getAttachment },
  { method: 'thread', verb: 'GET', pattern: /^\/threads\/([^/]+)$/, answer: getThread },
  { method: 'history', verb: 'GET', pattern: /^\/history$/, answer: listHistory },
  { method: 'watch', verb: 'POST', pattern: /^\/watch$/, answer: watch },
  { method: 'stop', verb: 'POST', pattern: /^\/stop$/, answer: () => ({ status: 204, headers: {}, body: '' }) },
];

const MAY_READ = ['https://mail.google.com/', 'https://www.googleapis.com/auth/gmail.modify', 'https://www.googleapis.com/auth/gmail.readonly'];
const WATCH_LASTS_MS = 7 * 24 * 3_600_000;

function find(call: Call): { route: Route; user: string; ids: string[] } | undefined {
  const [, user = '', rest = ''] = /^\/gmail\/v1\/users\/([^/]+)(\/.*)$/.exec(call.path) ?? [];
  const route = routes.find(({ verb, pattern }) => verb === call.method && pattern.test(rest));
  return route && { route, user: decodeURIComponent(user), ids: route.pattern.exec(rest)?.slice(1).map(decodeURIComponent) ?? [] };
}

export function methodOf(call: Call): Method {
  return find(call)?.route.method ?? 'other';
}

/** Answers one call, also as a part of a batch. */
export function answerGmail(call: Call, deps: GmailDeps): Reply {
  const found = find(call);
  if (!found) return notFound();
  const grant = deps.grants.check(tokenOf(call));
  if (!grant) return unauthorized();
  const mailbox = deps.mailboxes.get(grant.email);
  const refusal = mailbox ? refusalOf(found.user, grant) : notFound();
  if (refusal || !mailbox) return refusal ?? notFound();
  const { route, ids } = found;
  const failed = charge(route.method, grant.email, deps.quota) ?? (route.method === 'get' ? deps.faults.takePartFailure(ids[0] ?? '') : undefined);
  return failed ?? route.answer(call, mailbox, ids, deps);
}

export function tokenOf({ headers, query }: Call): string {
  return /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? query.get('access_token') ?? '';
}

export function unauthorized(): Reply {
  return refuse(401, {
    message: 'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
    reason: 'authError',
    more: { location: 'Authorization', locationType: 'header' },
    headers: { 'www-authenticate': 'Bearer realm="https://accounts.google.com/", error="invalid_token"' },
  });
}

function refusalOf(user: string, { email, scopes }: Grant): Reply | undefined {
  if (user !== 'me' && user.toLowerCase() !== email) return refuse(403, { message: `Delegation denied for ${email}`, reason: 'forbidden' });
  if (scopes.some((scope) => MAY_READ.includes(scope))) return undefined;
  return refuse(403, { message: 'Request had insufficient authentication scopes.', reason: 'insufficientPermissions' });
}

function charge(method: keyof Costs, email: string, quota: Quota): Reply | undefined {
  const { costs, status, retryAfter } = quota.options;
  const spent = quota.spend(email, costs[method]);
  if (spent.ok) return undefined;
  const headers: Record<string, string> = retryAfter ? { 'retry-after': String(Math.max(1, Math.ceil(spent.waitMs / 1_000))) } : {};
  const message = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service 'gmail.googleapis.com'.";
  return refuse(status, { message, reason: 'rateLimitExceeded', domain: 'usageLimits', headers });
}

function profile({ email, mails, historyId }: Mailbox): Reply {
  const threads = new Set(mails.map(({ threadId }) => threadId));
  return json(200, { emailAddress: email, messagesTotal: mails.length, threadsTotal: threads.size, historyId: historyId.toString() });
}

const SYSTEM_LABELS = ['CHAT', 'SENT', 'INBOX', 'IMPORTANT', 'TRASH', 'DRAFT', 'SPAM', 'STARRED', 'UNREAD'];

function labels({ mails }: Mailbox): Reply {
  const own = new Set(mails.flatMap(({ labelIds }) => labelIds.filter((label) => !SYSTEM_LABELS.includes(label))));
  const describe = (type: string) => (id: string) => ({ id, name: id, type });
  return json(200, { labels: [...SYSTEM_LABELS.map(describe('system')), ...[...own].map(describe('user'))] });
}

function getMessage({ query }: Call, mailbox: Mailbox, [id = '']: readonly string[]): Reply {
  const format = FORMATS.find((one) => one === (query.get('format')?.toLowerCase() ?? 'full'));
  if (!/^[0-9a-f]{1,16}$/.test(id)) return invalidArgument('Invalid id value');
  if (!format) return invalidArgument('Invalid value for format');
  const mail = mailbox.get(id);
  const names = query.getAll('metadataHeaders').map((name) => name.toLowerCase());
  return mail ? json(200, describeMail(mail, format, names)) : notFound();
}

function getAttachment(_: Call, mailbox: Mailbox, [id = '', attachmentId = '']: readonly string[]): Reply {
  const mail = mailbox.get(id);
  const bytes = mail && readAttachment(mail, attachmentId);
  if (!mail) return notFound();
  return bytes ? json(200, { size: bytes.length, data: bytes.toString('base64url') }) : invalidArgument('Invalid attachment token');
}

function getThread({ query }: Call, mailbox: Mailbox, [id = '']: readonly string[]): Reply {
  const format: Format = FORMATS.find((one) => one === query.get('format')?.toLowerCase() && one !== 'raw') ?? 'full';
  const mails = mailbox.mails.filter(({ threadId }) => threadId === id).reverse();
  if (mails.length === 0) return notFound();
  const historyId = mails.map((mail) => mail.historyId).reduce((one, other) => (one > other ? one : other));
  return json(200, { id, historyId: historyId.toString(), messages: mails.map((mail) => describeMail(mail, format)) });
}

function watch({ body }: Call, mailbox: Mailbox, _: readonly string[], { clock }: GmailDeps): Reply {
  const topic = /"topicName"\s*:\s*"([^"]*)"/.exec(body)?.[1] ?? '';
  if (!/^projects\/[^/]+\/topics\/[^/]+$/.test(topic)) return invalidArgument(`Invalid topicName does not match projects/*/topics/*`);
  return json(200, { historyId: mailbox.historyId.toString(), expiration: String(clock.now() + WATCH_LASTS_MS) });
}
