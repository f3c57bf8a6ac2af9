/** Subscriptions to Graph's notices of change, for the sources on Graph. */
import type { Clock } from '../../clock.ts';
import { UnavailableError } from '../../errors.ts';
import { refusalOf } from '../../provider-failure.ts';
import type { Watch, Watcher, WatchRequest } from '../contract.ts';
import type { Graph } from './contract.ts';

export interface SubscriptionOptions {
  /** Such as `me/messages`, without a slash in front; asked for at the first subscription. */
  resource: () => Promise<string> | string;
  /** Such as `created,updated,deleted`. */
  changeType: string;
  /** The longest that Graph allows for the resource, less what clocks differ by. */
  lastsMs: number;
  clock: Pick<Clock, 'now'>;
}

interface Subscription {
  id?: string;
  expirationDateTime?: string;
}

/** Graph calls the address before it answers a new subscription: the API must be up by then. */
export function createSubscriptions(graph: Graph, { resource, changeType, lastsMs, clock }: SubscriptionOptions): Watcher {
  const ending = (): string => new Date(clock.now() + lastsMs).toISOString();
  return {
    async start({ address, secret }: WatchRequest): Promise<Watch> {
      const subscription = {
        changeType,
        notificationUrl: address,
        lifecycleNotificationUrl: address,
        resource: await resource(),
        expirationDateTime: ending(),
        clientState: secret,
      };
      return watchOf(await graph.post<Subscription>('/subscriptions', subscription, { method: 'subscriptions.create' }));
    },
    async renew(watch) {
      const renewed = await graph
        .patch<Subscription>(pathOf(watch), { expirationDateTime: ending() }, { method: 'subscriptions.renew' })
        .catch(unlessGone);
      return renewed && watchOf({ ...renewed, id: watch.id });
    },
    stop: (watch) => graph.remove(pathOf(watch), { method: 'subscriptions.remove' }),
  };
}

const pathOf = ({ id }: Watch): string => `/subscriptions/${encodeURIComponent(id)}`;

function watchOf({ id, expirationDateTime }: Subscription): Watch {
  const endsAt = Date.parse(expirationDateTime ?? '');
  if (!id || Number.isNaN(endsAt)) throw new UnavailableError('Microsoft Graph did not say until when it sends notices');
  return { id, resource: null, expiresAt: new Date(endsAt).toISOString() };
}

function unlessGone(error: unknown): undefined {
  if (refusalOf(error)?.status !== 404) throw error;
}
