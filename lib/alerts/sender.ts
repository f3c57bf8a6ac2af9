/**
 * Every alert is stored with a row for each target before it is told. Any process with a target looks for such rows, takes one message with a lease, sends it, and says
 * what became of it: so each goes out once, and a crash right after sending repeats that one.
 */
import { randomUUID } from 'node:crypto';
import { type Clock, MINUTE, SECOND } from '../clock.ts';
import type { AlertBook, AlertMessage, AlertSent } from '../db/alert-types.ts';
import { messageOf } from '../errors.ts';
import { type Service, within } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import type { AlertTarget } from './contract.ts';
import { writeLetter } from './letter.ts';

export interface AlertSenderDeps {
  book: Pick<AlertBook, 'take' | 'settle'>;
  /** Without any, this process sends nothing. */
  targets: readonly AlertTarget[];
  publicUrl: string;
  /** Default: the database's. */
  clock?: Pick<Clock, 'now'> | undefined;
  log: Logger;
}

export interface AlertSender extends Service {
  /** Something may be due. */
  poke(): void;
  /** Sends what is due, to each target on its own. Rejects when the database is away. */
  runOnce(): Promise<void>;
}

/** For what others have stored, and what is to be tried again. */
const ROUND_MS = 15 * SECOND;
/** Longer than any target takes. */
const LEASE_MS = 2 * MINUTE;

export function createAlertSender({ book, targets, publicUrl, clock, log }: AlertSenderDeps): AlertSender {
  const stopping = new AbortController();
  const lanes = targets.map((target) => createLane(() => drain(target)));
  let timer: NodeJS.Timeout | undefined;

  const now = () => (clock ? new Date(clock.now()).toISOString() : undefined);

  async function drain(target: AlertTarget): Promise<void> {
    while (!stopping.signal.aborted) {
      const claim = randomUUID();
      const taken = await book.take(claim, target.name, LEASE_MS, now());
      const letter = writeLetter(taken, publicUrl);
      if (letter === undefined) return;
      const attempt = Math.max(...taken.map((message) => message.attempt));
      const sent = await target.send(letter, attempt);
      tell(target, taken, sent, await book.settle(claim, sent, now()));
    }
  }

  function tell({ name }: AlertTarget, [first]: readonly AlertMessage[], sent: AlertSent, became: string | undefined): void {
    const facts = { target: name, kind: first?.kind };
    if (sent.outcome === 'sent') log.debug({ event: 'alert.delivered', ...facts }, 'alert delivered');
    else if (became === 'failed') log.warn({ event: 'alert.not_delivered', ...facts, reason: sent.error }, 'an alert was not delivered: given up');
    else log.warn({ event: 'alert.postponed', ...facts, reason: sent.error }, 'an alert was not delivered yet');
  }

  /** An outage of the database is one line, however long it lasts. */
  let away = false;
  const found = (): void => {
    away = false;
  };
  const failed = (error: unknown): void => {
    log[away ? 'debug' : 'warn']({ event: 'alert.delivery_failed', error: messageOf(error) }, 'alerts could not be looked for');
    away = true;
  };
  const poke = (): void => {
    if (!stopping.signal.aborted) for (const lane of lanes) lane.run().then(found, failed);
  };

  return {
    name: 'alert-sender',
    start: async () => {
      if (targets.length === 0) return;
      timer = setInterval(poke, ROUND_MS);
      poke();
    },
    stop: async (deadline) => {
      clearInterval(timer);
      stopping.abort();
      await within(Promise.allSettled(lanes.map((lane) => lane.ended())), deadline, undefined);
    },
    poke,
    runOnce: async () => {
      await Promise.all(lanes.map((lane) => lane.run()));
    },
  };
}

/** One round at a time; who asks meanwhile gets one more. */
function createLane(round: () => Promise<void>): { run(): Promise<void>; ended(): Promise<void> } {
  let running: Promise<void> | undefined;
  let asked = false;

  async function rounds(): Promise<void> {
    while (asked) {
      asked = false;
      await round();
    }
  }

  return {
    run() {
      asked = true;
      running ??= rounds().finally(() => {
        running = undefined;
      });
      return running;
    },
    ended: async () => running,
  };
}
