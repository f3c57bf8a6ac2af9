/** Channels: notices of change, as Google posts them. They go out on command. */
import { createHash, randomUUID } from 'node:crypto';
import type { StandInClock } from '../clock.ts';
import { type Call, json, type Reply, refuse } from '../http.ts';
import { driveOf, refusalOf } from './changes.ts';
import type { Channel, NoticeOptions } from './contract.ts';
import type { Drives } from './files.ts';

export interface Channels {
  readonly open: Map<string, Channel>;
  watch(call: Call, drives: Drives, email: string): Reply;
  stop(call: Call, email: string): Reply;
}

const LASTS_MS = 3_600_000;
const MOST_MS = 7 * 24 * LASTS_MS;

export function createChannels(clock: StandInClock): Channels {
  const open = new Map<string, Channel>();
  return {
    open,
    watch(call, drives, email) {
      const drive = driveOf(call, drives);
      if ('status' in drive) return drive;
      const wanted = readBody(call);
      const id = wanted.id ?? '';
      const refusal = refusalOf(call.query.get('pageToken') ?? '', drive) ?? refusalOfChannel(wanted, open);
      if (refusal) return refusal;
      const now = clock.now();
      const expiresAt = Math.min(now + MOST_MS, wanted.expiration === undefined ? now + LASTS_MS : Number(wanted.expiration));
      const resourceId = createHash('sha256').update(`${email}:${drive.id}`).digest('base64url').slice(0, 27);
      const made = { id, resourceId, address: wanted.address ?? '', token: wanted.token, expiresAt, email };
      open.set(id, { ...made, notify: createNotices(made, call) });
      const { token, address: _, email: __, expiresAt: ___, ...channel } = made;
      return json(200, { kind: 'api#channel', ...channel, resourceUri: uriOf(call), ...(token ? { token } : {}), expiration: String(expiresAt) });
    },
    stop(call, email) {
      const { id = '', resourceId } = readBody(call);
      const channel = open.get(id);
      if (!channel || channel.resourceId !== resourceId || channel.email !== email) {
        return refuse(404, { message: `Channel '${id}' not found for project`, reason: 'notFound' });
      }
      open.delete(id);
      return { status: 204, headers: {}, body: '' };
    },
  };
}

function refusalOfChannel(
  { id, type, address = '', expiration }: Record<string, string | undefined>,
  open: ReadonlyMap<string, Channel>,
): Reply | undefined {
  if (!id || !/^[A-Za-z0-9\-_+/=]{1,64}$/.test(id)) return refuse(400, { message: 'Channel id not specified', reason: 'required' });
  if (open.has(id)) return refuse(400, { message: `Channel id ${id} not unique`, reason: 'channelIdNotUnique' });
  if (type !== 'web_hook' && type !== 'webhook') return refuse(400, { message: 'Unknown channel type', reason: 'channelTypeInvalid' });
  if (expiration !== undefined && !/^\d+$/.test(expiration)) return refuse(400, { message: 'Invalid expiration', reason: 'invalid' });
  const isHook = URL.canParse(address) && (address.startsWith('https:') || ['127.0.0.1', 'localhost'].includes(new URL(address).hostname));
  return isHook ? undefined : refuse(400, { message: `WebHook callback must be HTTPS: ${address}`, reason: 'webhookUrlNotHttps' });
}

function createNotices(channel: Omit<Channel, 'notify'>, call: Call): Channel['notify'] {
  let sent = 0;
  return async ({ state = 'change', forge, number }: NoticeOptions = {}) => {
    sent = number ?? sent + 1;
    const token = forge === 'token' ? 'made-up' : channel.token;
    return fetch(channel.address, {
      method: 'POST',
      headers: {
        'user-agent': 'APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)',
        'x-goog-channel-id': forge === 'channel' ? randomUUID() : channel.id,
        'x-goog-channel-expiration': new Date(channel.expiresAt).toUTCString(),
        'x-goog-resource-id': forge === 'resource' ? 'made-up' : channel.resourceId,
        'x-goog-resource-uri': uriOf(call),
        'x-goog-resource-state': state,
        'x-goog-message-number': String(sent),
        ...(token === undefined || forge === 'noToken' ? {} : { 'x-goog-channel-token': token }),
      },
    });
  };
}

const uriOf = ({ query }: Call): string => `https://www.googleapis.com/drive/v3/changes?alt=json&pageToken=${query.get('pageToken')}`;

function readBody({ body }: Call): Record<string, string | undefined> {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, String(inner)]));
  } catch {
    return {};
  }
}
