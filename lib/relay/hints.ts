import { messageOf } from '../errors.ts';
import type { Deadline, Service } from '../lifecycle.ts';
import { within } from '../lifecycle.ts';
import type { Logger } from '../log.ts';

export interface HintsDeps {
  /** A direct or session-mode connection; through a pooler in transaction mode no hint ever arrives, which costs nothing but speed. */
  databaseUrl: string;
  /** Something was put into the outbox. */
  onHint: () => void;
  log: Logger;
}

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_MS = 5_000;

/** Listens for `NOTIFY hivepulse_outbox` on one connection. Only ever a hint: the relay polls all the same. */
export function createHints({ databaseUrl, onHint, log }: HintsDeps): Service {
  let running = false;
  let timer: NodeJS.Timeout | undefined;
  let close: (() => Promise<void>) | undefined;

  async function connect(): Promise<void> {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, keepAlive: true });
    close = () => client.end();
    client.on('error', (error) => log.debug({ error: messageOf(error) }, 'the connection for hints was cut'));
    client.on('end', reconnect);
    client.on('notification', onHint);
    await client.connect();
    await client.query('listen hivepulse_outbox');
    // What was put there before is found now.
    onHint();
  }

  function reconnect(): void {
    if (running) timer = setTimeout(tryToConnect, RECONNECT_MS);
  }

  function tryToConnect(): void {
    connect().catch((error: unknown) => {
      log.debug({ error: messageOf(error) }, 'no hints from the database; the relay polls');
      if (close === undefined) reconnect();
      else close().catch(() => reconnect());
    });
  }

  return {
    name: 'outbox-hints',
    start: async () => {
      running = true;
      tryToConnect();
    },
    stop: async (deadline: Deadline) => {
      running = false;
      clearTimeout(timer);
      await within(close?.().catch(() => undefined) ?? Promise.resolve(), deadline, undefined);
    },
  };
}
