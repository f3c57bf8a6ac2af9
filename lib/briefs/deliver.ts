/**
 * Briefs go out once. An edition is stored with a `pending` row for each place it goes to; whoever takes a row sends it and says what became of it. A row that nobody
 * reported on for ten minutes may have gone out before a crash: it becomes `failed`, "unknown", and is not sent again.
 */
import { randomUUID } from 'node:crypto';
import { MINUTE } from '../clock.ts';
import type { BriefWork, ClaimedDelivery } from '../db/brief-types.ts';
import { messageOf } from '../errors.ts';
import { createLanes } from '../lanes.ts';
import { type Service, within } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import { type MailSettings, sendMail } from './deliver-mail.ts';
import { postBrief, type WebhookSettings } from './deliver-webhook.ts';

/** What became of one try. Errors are for the members of the deal: no URL, no password. */
export type Sent = { outcome: 'sent' } | { outcome: 'failed' | 'again'; error: string };

export interface DeliveryDeps {
  briefs: Pick<BriefWork, 'claimDeliveries' | 'finishDelivery'>;
  /** Absent: this process sends no mail. */
  mail?: MailSettings | undefined;
  /** Absent: this process posts nothing. */
  webhook?: WebhookSettings | undefined;
  log: Logger;
  signal?: AbortSignal | undefined;
}

export interface Delivered {
  sent: number;
  failed: number;
  /** To be tried again later. */
  postponed: number;
}

const AT_ONCE = 4;
const CLAIMED_AT_ONCE = 20;
const MOST_TRIES = 3;
const FIRST_PAUSE_MS = MINUTE;

/** Sends what is due, by this process or left by another. Rejects when the database is away; what was taken then ends as "unknown". */
export async function deliverDueBriefs(deps: DeliveryDeps): Promise<Delivered> {
  const total: Delivered = { sent: 0, failed: 0, postponed: 0 };
  const ways = { mail: deps.mail !== undefined, webhook: deps.webhook !== undefined };
  for (let taken = CLAIMED_AT_ONCE; taken === CLAIMED_AT_ONCE && !deps.signal?.aborted; ) {
    const claim = randomUUID();
    const due = await deps.briefs.claimDeliveries(claim, ways, CLAIMED_AT_ONCE);
    taken = due.length;
    const inLane = createLanes(AT_ONCE);
    const outcomes = await Promise.all(due.map((delivery) => inLane(() => deliver(delivery, claim, deps))));
    for (const outcome of outcomes) total[outcome] += 1;
  }
  return total;
}

async function deliver(delivery: ClaimedDelivery, claim: string, deps: DeliveryDeps): Promise<keyof Delivered> {
  const { editionId, channel, attempt } = delivery;
  const sent = await send(delivery, deps);
  const error = sent.outcome === 'sent' ? {} : { error: sent.error };
  const retryMs = FIRST_PAUSE_MS * 5 ** (attempt - 1);
  const status = await deps.briefs.finishDelivery({ editionId, channel, claim, outcome: sent.outcome, ...error, retryMs, most: MOST_TRIES });
  const became = status === 'pending' ? 'postponed' : sent.outcome === 'sent' ? 'sent' : 'failed';
  deps.log[became === 'sent' ? 'info' : 'warn']({ event: `brief.${became}`, editionId, way: wayOf(channel), attempt }, EVENTS[became]);
  return became;
}

const EVENTS: Record<keyof Delivered, string> = { sent: 'brief sent', failed: 'brief not delivered', postponed: 'brief not delivered yet' };

const MAIL = 'mail:';
/** Addresses stay out of the log. */
const wayOf = (channel: string): string => (channel.startsWith(MAIL) ? 'mail' : channel);

async function send(delivery: ClaimedDelivery, { mail, webhook }: DeliveryDeps): Promise<Sent> {
  const { channel } = delivery;
  if (mail && channel.startsWith(MAIL)) return sendMail(delivery, channel.slice(MAIL.length), mail);
  if (webhook && channel === 'webhook') return postBrief(delivery, webhook);
  return { outcome: 'failed', error: `there is no way "${clip(channel)}"` };
}

const clip = (channel: string): string => channel.slice(0, 20);

export interface BriefSender extends Service {
  /** Something may be due. */
  poke(): void;
}

/** Sends in the background as soon as editions are stored; what is left over is a chore of the timetable. */
export function createBriefSender(deps: Omit<DeliveryDeps, 'signal'>): BriefSender {
  const stopping = new AbortController();
  let running: Promise<unknown> | undefined;
  let again = false;

  async function rounds(): Promise<void> {
    while (again && !stopping.signal.aborted) {
      again = false;
      await deliverDueBriefs({ ...deps, signal: stopping.signal });
    }
  }

  return {
    name: 'brief sender',
    start: async () => undefined,
    stop: async (deadline) => {
      stopping.abort();
      await within(Promise.resolve(running), deadline, undefined);
    },
    poke() {
      if ((deps.mail ?? deps.webhook) === undefined) return;
      again = true;
      running ??= rounds()
        .catch((error: unknown) =>
          deps.log.warn({ event: 'brief.delivery_failed', error: messageOf(error) }, 'briefs could not be sent; they are looked for again'),
        )
        .finally(() => {
          running = undefined;
        });
    },
  };
}
