/** What operators should look at. The database says what is new (see `lib/db/alert-types.ts`), the sender (`sender.ts`) brings it out. */
import { type Clock, MINUTE } from '../clock.ts';
import type { AlertBook, AlertObservation } from '../db/alert-types.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { AlertNews, Alerts, AlertTarget } from './contract.ts';
import { writeLetter } from './letter.ts';
import { headline } from './words.ts';

export interface AlertsDeps {
  book: Pick<AlertBook, 'observe'>;
  /** Told that there is something to send. */
  poke: () => void;
  /** Used only where the database is away; the first that there is. */
  targets: readonly AlertTarget[];
  publicUrl: string;
  /** Times of what is observed, where it is given; else the database's. */
  now?: Pick<Clock, 'now'> | undefined;
  /** Measures the cool-down of this process. */
  clock: Clock;
  log: Logger;
}

/** Of what this process tells by itself, where an observation names no cool-down. */
const COOL_DOWN_MS = 60 * MINUTE;

export function createAlerts({ book, poke, targets, publicUrl, now, clock, log }: AlertsDeps): Alerts {
  /** When this process told of it, without the database. */
  const toldHere = new Map<string, number>();

  function note({ kind, phase, subject, since, count, level, details }: AlertNews): void {
    const { error: _, ...facts } = details;
    const times = { ...(since === undefined ? {} : { since }), ...(count === undefined ? {} : { count }) };
    const line = headline({ kind, phase, details, count: count ?? 1, level: level ?? 0 });
    log[phase === 'over' ? 'info' : 'warn']({ ...times, ...facts, event: kind, phase, ...(subject ? { subject } : {}) }, line);
  }

  function stored(news: readonly AlertNews[]): void {
    for (const one of news) note(one);
    if (news.length > 0) poke();
  }

  /** Best effort: once, and nobody tries again. */
  async function tellWithout(observation: AlertObservation): Promise<void> {
    const { kind, subject = '', level = 0, details = {}, coolDownMs = COOL_DOWN_MS } = observation;
    const key = `${kind}/${subject}/${level}`;
    const last = toldHere.get(key);
    if (!observation.firing || (last !== undefined && clock.monotonic() - last < coolDownMs)) return;
    toldHere.set(key, clock.monotonic());
    const at = new Date(clock.now()).toISOString();
    const news = { id: 0, kind, subject, phase: 'firing' as const, level, since: at, at, count: 1, total: 1, details };
    note(news);
    const letter = writeLetter([news], publicUrl);
    const [target] = targets;
    if (letter === undefined || target === undefined) return;
    const sent = await target.send(letter, 1);
    if (sent.outcome !== 'sent')
      log.warn({ event: 'alert.not_delivered', target: target.name, kind, reason: sent.error }, 'an alert was not delivered');
  }

  return {
    stored,
    async observe(observations) {
      try {
        const news = await book.observe(observations, now && new Date(now.now()).toISOString());
        stored(news);
        return news.length;
      } catch (error) {
        log.warn({ event: 'alert.not_stored', error: messageOf(error) }, 'alerts could not be stored: they are told by this process alone');
        await Promise.all(observations.map(tellWithout));
        return 0;
      }
    },
  };
}
