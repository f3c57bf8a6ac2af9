import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, UnavailableError } from '../../errors.ts';
import { retryDelay } from './retry.ts';

/** One connection that listens. */
export interface ListenConnection {
  listen(channel: string): Promise<void>;
  close(): Promise<void>;
}
export interface ListenEvents {
  notification(channel: string, payload: string): void;
  /** The connection is gone, and every subscription with it. */
  lost(error: Error): void;
}
export interface Subscriber {
  notify(channel: string, payload: string): void;
  /** Has to listen again. */
  dropped(error: UnavailableError): void;
}

/** All subscribers of a process on one connection, opened with the first `listen` and again with the first after a loss. */
export interface ListenHub {
  /** Resolves when notifications arrive from now on. Rejects with `UnavailableError` when no connection could be made for `giveUpMs`. */
  listen(channel: string, subscriber: Subscriber): Promise<void>;
  leave(subscriber: Subscriber): void;
  close(): Promise<void>;
}

export interface ListenHubDeps {
  open(events: ListenEvents): Promise<ListenConnection>;
  /** Default 3,000 ms: BullMQ then waits and asks again. */
  giveUpMs?: number;
}

interface Session {
  connection: ListenConnection;
  channels: Map<string, Promise<void>>;
}

export function createListenHub({ open, giveUpMs = 3_000 }: ListenHubDeps): ListenHub {
  const subscribers = new Map<string, Set<Subscriber>>();
  const closing = new AbortController();
  let session: Promise<Session> | undefined;

  function connect(): Promise<Session> {
    if (session) return session;
    const opening = openWithin(giveUpMs, () => openOnce(() => opening));
    session = opening;
    opening.catch(() => forget(opening));
    return opening;
  }

  async function openOnce(self: () => Promise<Session>): Promise<Session> {
    // An attempt that fails ends its connection too: that is no loss of anything anybody listened on.
    let opened = false;
    const connection = await open({ notification, lost: (error) => opened && lost(self(), error) });
    opened = true;
    return { connection, channels: new Map() };
  }

  async function openWithin(limitMs: number, attempt: () => Promise<Session>): Promise<Session> {
    const end = performance.now() + limitMs;
    for (let tries = 1; ; tries += 1) {
      if (closing.signal.aborted) throw new UnavailableError('Listening for notifications has ended');
      try {
        return await attempt();
      } catch (cause) {
        if (performance.now() > end) throw new UnavailableError(`Cannot listen for notifications: ${messageOf(cause)}`, { cause });
        await delay(retryDelay(tries), undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
  }

  function forget(which: Promise<Session>): void {
    if (session === which) session = undefined;
  }

  function lost(which: Promise<Session>, error: Error): void {
    if (session !== which) return;
    session = undefined;
    const everybody = new Set([...subscribers.values()].flatMap((set) => [...set]));
    subscribers.clear();
    const reason = new UnavailableError('The listening connection was lost', { cause: error });
    for (const subscriber of everybody) subscriber.dropped(reason);
  }

  function notification(channel: string, payload: string): void {
    for (const subscriber of subscribers.get(channel) ?? []) subscriber.notify(channel, payload);
  }

  return {
    async listen(channel, subscriber) {
      const current = connect();
      const { connection, channels } = await current;
      const listening = channels.get(channel) ?? connection.listen(channel);
      channels.set(channel, listening);
      await listening.catch((cause: unknown) => {
        channels.delete(channel);
        throw new UnavailableError(`Cannot listen for notifications: ${messageOf(cause)}`, { cause });
      });
      // Lost while we waited: the subscriber must hear of it, or it would wait for notifications that cannot come.
      if (session !== current) throw new UnavailableError('The listening connection was lost');
      subscribers.set(channel, (subscribers.get(channel) ?? new Set()).add(subscriber));
    },
    leave(subscriber) {
      for (const set of subscribers.values()) set.delete(subscriber);
    },
    async close() {
      closing.abort();
      const open = session;
      session = undefined;
      subscribers.clear();
      await open?.then(({ connection }) => connection.close()).catch(() => undefined);
    },
  };
}
