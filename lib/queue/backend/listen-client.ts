import { EventEmitter } from 'node:events';
import type { PgPoolClient, PgQueryable } from 'bullmq';
import type { ListenHub, Subscriber } from './listen-hub.ts';

/**
 * What BullMQ is given where it checks out a client to LISTEN on: no connection of its own. `LISTEN` subscribes to the hub,
 * naming the session is ignored (the hub's connection serves many), and everything else goes through the pool.
 */
export function createListenClient(hub: ListenHub, queries: PgQueryable): PgPoolClient {
  const emitter = new EventEmitter();
  // One listener per blocked reader, and one for errors: BullMQ adds and removes them with every wait.
  emitter.setMaxListeners(0);
  const subscriber: Subscriber = {
    notify: (channel, payload) => emitter.emit('notification', { channel, payload }),
    dropped: (error) => {
      if (emitter.listenerCount('error') > 0) emitter.emit('error', error);
    },
  };
  return Object.assign(emitter, {
    // biome-ignore lint/suspicious/noExplicitAny: BullMQ declares its rows so.
    async query<R = any>(text: string, params?: readonly unknown[]) {
      const channel = channelOf(text);
      if (channel !== undefined) await hub.listen(channel, subscriber);
      else if (!namesSession(text)) return queries.query<R>(text, params);
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
