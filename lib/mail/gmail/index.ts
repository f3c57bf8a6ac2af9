/**
 * Mailboxes at Gmail, through Google's own client. Every request goes the same way: `call.ts` waits for the account's quota (`pace.ts`), gets a
 * token, sends, and sorts what comes back (`failure.ts`); `read.ts` does so for batches, whose parts succeed and fail one by one.
 */
import type { Accounts } from '../../oauth/contract.ts';
import type { Tracer } from '../../telemetry/contract.ts';
import type { Mailbox, Mailboxes } from '../contract.ts';
import { createAsk } from './ask.ts';
import { createCaller } from './call.ts';
import { createClients, type GmailClient } from './client.ts';
import { listLabels, listMessages, readHistory, readMessage, readProfile, watchMailbox } from './methods.ts';
import { createPace, type Pace, type PaceDeps } from './pace.ts';
import { createReader } from './read.ts';
import { DEFAULT_TIMINGS, type GmailTimings } from './settings.ts';

export interface MailboxesDeps extends Omit<PaceDeps, 'timings'> {
  accounts: Accounts;
  /** `GOOGLE_API_ROOT_URL`. Default `https://gmail.googleapis.com`. */
  apiRootUrl?: string | undefined;
  timings?: Partial<GmailTimings> | undefined;
  tracer?: Tracer | undefined;
}

/** Light: Google's client is loaded by the first call of a mailbox. */
export function createMailboxes({ timings: changed, ...rest }: MailboxesDeps): Mailboxes {
  const deps = { ...rest, timings: { ...DEFAULT_TIMINGS, ...changed } };
  const shared = { ...deps, pace: createPace(deps), createClient: createClients(deps.apiRootUrl) };
  return { open: (connectionId, signal) => openMailbox(connectionId, signal, shared) };
}

interface Shared extends Omit<MailboxesDeps, 'timings'> {
  timings: GmailTimings;
  pace: Pace;
  createClient: () => Promise<GmailClient>;
}

function openMailbox(connectionId: string, signal: AbortSignal, shared: Shared): Mailbox {
  const spent = { units: 0, calls: 0 };
  let opened: Promise<GmailClient> | undefined;
  const client = (): Promise<GmailClient> => {
    opened ??= shared.createClient();
    return opened;
  };
  const call = createCaller({ ...shared, connectionId, signal, spent, client });
  const ask = createAsk(call, shared.timings.maxBytes);
  const { costs } = shared.quota;
  return {
    profile: () => readProfile(ask, costs),
    list: (options) => listMessages(ask, costs, options),
    labels: () => listLabels(ask, costs),
    history: (options) => readHistory(ask, costs, options),
    read: createReader({ ...shared, call, signal, readAlone: (id) => readMessage(ask, costs, id) }),
    watch: (topic) => watchMailbox(ask, costs, topic),
    get spent() {
      return { ...spent };
    },
  };
}
