/** The project's own stand-in for Google: sign-in, Gmail, Drive and push notices. README.md says what it leaves out. */
import { type StandInClock, systemClock } from './clock.ts';
import { createChannels } from './drive/channels.ts';
import type { Channel, Drive } from './drive/contract.ts';
import { createDrives } from './drive/drives.ts';
import { createFaults, type Faults } from './faults.ts';
import { createGrants, type IssuedTokens } from './grants.ts';
import { createJournal, type Journal } from './journal.ts';
import { createSigningKey, type SigningKey } from './keys.ts';
import { serve } from './listen.ts';
import type { Mail } from './mail.ts';
import { createMailbox, type Mailbox } from './mailbox.ts';
import { type Client, createOAuth } from './oauth.ts';
import { type PushOptions, pushNotice } from './push.ts';
import { createQuota, type Quota, type QuotaOptions, quota2026 } from './quota.ts';
import { createRouter } from './router.ts';

export interface GoogleOptions {
  /** What is in the mailboxes, by address. */
  accounts?: Readonly<Record<string, readonly Mail[]>>;
  client?: Client;
  /** Of access tokens, in seconds. Default 3599, as Google's. */
  expiresIn?: number;
  /** Parts of the quota that differ from Google's of 2026. */
  quota?: Partial<QuotaOptions>;
  /** Consent waits for a click. */
  isInteractive?: boolean;
  /** Of the faults that are left to chance. */
  seed?: number;
  /** A refused token answers a batch as a whole with 401; by default each of its parts. */
  refusesWholeBatch?: boolean;
  clock?: StandInClock;
}

export interface GoogleStandIn {
  /** For `GOOGLE_API_ROOT_URL`. */
  url: string;
  authUrl: string;
  tokenUrl: string;
  revokeUrl: string;
  certsUrl: string;
  client: Client;
  requests: Journal;
  faults: Faults;
  quota: Quota;
  /** The owner's answer on the consent page, and the life of new access tokens in seconds. */
  consent: { denied: boolean; withheldScopes: string[]; expiresIn: number };
  addAccount(email: string, mails?: readonly Mail[]): Mailbox;
  /** Throws where there is no such account. */
  mailbox(email: string): Mailbox;
  /** My Drive of an account. */
  drive(email: string): Drive;
  /** Every account is a member. */
  addSharedDrive(name: string): Drive & { readonly id: string };
  /** Of notices about Drive, by id: those that are open. */
  channels: ReadonlyMap<string, Channel>;
  /** Tokens without the round trip; by default with a refresh token and the scope to read mail. */
  issueTokens(email: string, options?: { scopes?: readonly string[]; offline?: boolean }): IssuedTokens;
  /** All access tokens are refused from now on; refresh tokens stay. */
  expireTokens(): void;
  /** The owner takes back what was allowed: refresh answers `invalid_grant`. */
  revoke(email: string): void;
  push(email: string, options: PushOptions): Promise<Response>;
  stop(): Promise<void>;
}

export const READ_SCOPES = ['openid', 'email', 'https://www.googleapis.com/auth/gmail.readonly'] as const;

export const DRIVE_SCOPES = ['openid', 'email', 'https://www.googleapis.com/auth/drive.readonly'] as const;

const DEFAULT_CLIENT: Client = { id: 'stand-in.apps.googleusercontent.com', secret: 'GOCSPX-stand-in' };

export async function startGoogle(options: GoogleOptions = {}): Promise<GoogleStandIn> {
  const { clock = systemClock, client = DEFAULT_CLIENT } = options;
  const owner: GoogleStandIn['consent'] = { denied: false, withheldScopes: [], expiresIn: options.expiresIn ?? 3_599 };
  const { mailboxes, addAccount, mailbox } = createAccounts(options.accounts ?? {}, clock);
  const grants = createGrants(clock, () => owner.expiresIn);
  const faults = createFaults(options.seed ?? 1);
  const quota = createQuota({ ...quota2026, ...options.quota }, clock);
  const journal = createJournal();
  const key = once(createSigningKey);
  const oauth = createOAuth({ client, grants, key, clock, subOf: (email) => mailbox(email).sub, withheld: () => owner.withheldScopes });
  const consent = {
    client,
    emails: () => [...mailboxes.keys()],
    isDenied: () => owner.denied,
    isInteractive: options.isInteractive ?? false,
    allow: oauth.allow,
  };
  const gmail = { mailboxes, grants, quota, faults, clock };
  const drives = createDrives(clock);
  const channels = createChannels(clock);
  const drive = { grants, channels, drivesOf: drives.of };
  const answer = createRouter({ oauth, consent, gmail, drive, journal, refusesWholeBatch: options.refusesWholeBatch ?? false });
  const { url, stop } = await serve({ answer, faults, journal });
  return {
    url,
    authUrl: `${url}/o/oauth2/v2/auth`,
    tokenUrl: `${url}/token`,
    revokeUrl: `${url}/revoke`,
    certsUrl: `${url}/oauth2/v3/certs`,
    client,
    requests: journal,
    faults,
    quota,
    consent: owner,
    addAccount,
    mailbox,
    drive: (email) => drives.of(mailbox(email).email).own,
    addSharedDrive: drives.addShared,
    channels: channels.open,
    issueTokens: (email, { scopes = READ_SCOPES, offline = true } = {}) => grants.issue(mailbox(email).email, scopes, offline),
    expireTokens: grants.expireAll,
    revoke: (email) => grants.revoke(email.toLowerCase()),
    push: (email, push) => pushNotice(mailbox(email), push, { key: key(), clock }),
    stop,
  };
}

function createAccounts(accounts: Readonly<Record<string, readonly Mail[]>>, clock: StandInClock) {
  const mailboxes = new Map<string, Mailbox>();
  function addAccount(email: string, mails: readonly Mail[] = []): Mailbox {
    const mailbox = createMailbox(email.toLowerCase(), mails, clock);
    mailboxes.set(mailbox.email, mailbox);
    return mailbox;
  }
  function mailbox(email: string): Mailbox {
    const found = mailboxes.get(email.toLowerCase());
    if (!found) throw new Error(`The stand-in for Google has no account ${email}`);
    return found;
  }
  for (const [email, mails] of Object.entries(accounts)) addAccount(email, mails);
  return { mailboxes, addAccount, mailbox };
}

/** When it is first asked for: a key takes a moment to make. */
function once(make: () => SigningKey): () => SigningKey {
  let made: SigningKey | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
