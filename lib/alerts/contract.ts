import type { AlertMessage, AlertObservation, AlertSent, AlertTargetName } from '../db/alert-types.ts';
import type { Letter } from './letter.ts';

/** A way out, with its address, which is a secret. */
export interface AlertTarget {
  readonly name: AlertTargetName;
  /** Never rejects, and ends within two minutes. `attempt` counts from 1. */
  send(letter: Letter, attempt: number): Promise<AlertSent>;
}

/** What needs no time or place of its own. */
export type AlertNews = Pick<AlertMessage, 'kind' | 'phase' | 'details'> & Partial<AlertMessage>;

export interface Alerts {
  /** What is new is stored, logged and sent. Never rejects: without the database it goes to the log, and straight out. Resolves to how many are new. */
  observe(observations: readonly AlertObservation[]): Promise<number>;
  /** Logs what the database has stored together with its cause, and has it sent. */
  stored(news: readonly AlertNews[]): void;
}
