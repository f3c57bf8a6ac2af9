import { messageOf } from '../../errors.ts';
import type { Logger } from '../../log.ts';

/** One line when a connection is lost and one when it is back, however many clients notice. */
export interface OutageLog {
  failed(error: unknown): void;
  recovered(): void;
}

export function createOutageLog(what: string, log: Logger): OutageLog {
  let down = false;
  return {
    failed(error) {
      if (down) return;
      down = true;
      log.warn({ error: messageOf(error) }, `${what} is not reachable, reconnecting`);
    },
    recovered() {
      if (down) log.info(`${what} is reachable again`);
      down = false;
    },
  };
}
