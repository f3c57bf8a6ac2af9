import { EventEmitter } from 'node:events';
import type { PgPoolClient, PgQueryable } from 'bullmq';
import type { ListenHub, Subscriber } from './listen-hub.ts';

/**
 * What BullMQ is given where it checks out a client to LISTEN on: no connection of its own. `LISTEN` subscribes to the hub,
 * naming the session is ignored (the hub's connection serves many), and everything else goes through the pool.
 *
 * BullMQ looks for news first and attaches its ear afterwards; what is said in between, it learns after 10 s. So one notification per channel
 * is kept for the next ear, and one is made up when the listening begins: waking for nothing costs a query, a missed one costs seconds.
 */
export function createListenClient(hub: ListenHub, queries: PgQueryable, queueName: string): PgPoolClient {
  const emitter = new EventEmitter();
  const missed = new Set<string>();
  const subscriber: Subscriber = {
    notify(channel, payload) {
      if (payload !== queueName) return;
      if (!emitter.emit('notification', { channel, payload })) missed.add(channel);
    },
    dropped: (error) => {
      if (emitter.listenerCount('error') > 0) emitter.emit('error', error);
    },
  };
  emitter.on('newListener', (event: string) => {
    if (event === 'notification' && missed.size > 0) queueMicrotask(deliverMissed);
  });

  function deliverMissed(): void {
    const channels = [...missed];
    missed.clear();
    for (const channel of channels) subscriber.notify(channel, queueName);
  }

  return Object.assign(emitter, {
    // biome-ignore lint/suspicious/noExplicitAny: BullMQ declares its rows so.
    async query<R = any>(text: string, params?: readonly unknown[]) {
      const channel = channelOf(text);
      if (channel === undefined) return namesSession(text) ? { rows: [] } : queries.query<R>(text, params);
      await hub.listen(channel, subscriber);
      subscriber.notify(channel, queueName);
      return { rows: [] };
    },
    release: () => hub.leave(subscriber),
  });
}

/** The channel of a `LISTEN`, which BullMQ sends below lines of comment. */
export function channelOf(text: string): string | undefined {
  const statement = text.replaceAll(/--[^\n]*/g, '').trim();
  return /^listen\s+"?([^\s";]+)"?\s*;?$/i.exec(statement)?.[1];
}

function namesSession(text: string): boolean {
  return /^\s*select\s+set_config\('application_name'/i.test(text);
}
