import { PassThrough, type Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { App } from './deps.ts';
import { HttpError } from './errors.ts';

/** A reader who does not keep up is let go at this many unsent bytes; it may come back and gets the current state first. */
const MAX_UNSENT_BYTES = 1024 * 1024;

/** The id of the last event of a stream. A browser that comes back with it is told to stay away (204). */
export const END_ID = 'end';

export interface EventStream {
  readonly body: Readable;
  send(event: string, data: unknown, id?: string): void;
  /** Flushes what was sent, then closes. Safe to call twice. */
  end(): void;
  /** Runs once, whoever closes: server, client or shutdown; at once when that has happened. */
  onClose(listener: () => void): void;
}

export interface Streams {
  /** Throws 429 when `owner` holds too many already. */
  open(reply: FastifyReply, owner: string): EventStream;
}

/** Server-sent events, as in the HTML standard. Streams end with the connection, and before the server closes. */
export function createStreams(app: App, options: { heartbeatMs: number; maxPerCaller: number }): Streams {
  const openByOwner = new Map<string, Set<EventStream>>();

  app.addHook('preClose', async () => {
    for (const streams of openByOwner.values()) for (const stream of streams) stream.end();
  });

  function open(reply: FastifyReply, owner: string): EventStream {
    const own = openByOwner.get(owner) ?? new Set();
    if (own.size >= options.maxPerCaller) {
      throw new HttpError(429, 'too_many_streams', `At most ${options.maxPerCaller} event streams at a time. Close one first.`);
    }
    const stream = createStream(options.heartbeatMs);
    openByOwner.set(owner, own.add(stream));
    stream.onClose(() => {
      own.delete(stream);
      if (own.size === 0) openByOwner.delete(owner);
    });
    // The response's end, not the request's: that one closes as soon as it has been read.
    if (reply.raw.closed) stream.end();
    else reply.raw.once('close', stream.end);
    reply.headers({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      // Ended by a shutdown, its connection must not stay behind as an idle one.
      connection: 'close',
    });
    return stream;
  }

  return { open };
}

function createStream(heartbeatMs: number): EventStream {
  const body = new PassThrough();
  const listeners: (() => void)[] = [];
  let closed = false;
  const heartbeat = setInterval(() => write(': still here\n\n'), heartbeatMs);

  function write(text: string): void {
    if (closed) return;
    if (body.writableLength + body.readableLength > MAX_UNSENT_BYTES) end();
    else body.write(text);
  }

  function end(): void {
    if (closed) return;
    closed = true;
    clearInterval(heartbeat);
    body.end();
    for (const listener of listeners) listener();
  }

  return {
    body,
    send: (event, data, id) => write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    end,
    onClose: (listener) => {
      if (closed) listener();
      else listeners.push(listener);
    },
  };
}
