/** The project's own stand-in for Microsoft: sign-in, drives, mail and notices of change. README.md says what it leaves out. */
import { createSigningKey, type SigningKey } from '../google/keys.ts';
import { type Account, createAccount, findAccount } from './accounts.ts';
import type { MicrosoftLeniences, MicrosoftOptions, MicrosoftStandIn } from './contract.ts';
import type { Drive } from './drive.ts';
import { createFaults } from './faults.ts';
import { createGrants } from './grants.ts';
import { type GraphDeps, resolveDrive } from './graph.ts';
import { createJournal } from './journal.ts';
import { serve } from './listen.ts';
import { createOAuth } from './oauth.ts';
import { createRouter } from './router.ts';
import { createSite, type Site } from './sites.ts';
import { createSubscriptions } from './subscriptions.ts';

const ALL_SCOPES = ['openid', 'email', 'profile', 'offline_access', 'User.Read', 'Files.Read.All', 'Sites.Read.All', 'Mail.Read'] as const;

const DEFAULT_CLIENT = { id: '24d3b144-21ae-4080-943f-7067b395b913', secret: 'stand-in~secret' };

export async function startMicrosoft(options: MicrosoftOptions = {}): Promise<MicrosoftStandIn> {
  const { client = DEFAULT_CLIENT, clock = Date } = options;
  const now = (): number => clock.now();
  const lenient: MicrosoftLeniences = { deltaTellsAll: false, readersMaySubscribe: false, batchTakesOnePlace: false, ...options.lenient };
  const consent: MicrosoftStandIn['consent'] = { denied: false, withheldScopes: [] };
  const accounts = new Map<string, Account>();
  const drives = new Map<string, Drive>();
  const sites: Site[] = [];
  const know = (drive: Drive): void => void drives.set(drive.id, drive);
  const account = (email: string): Account => findAccount(accounts, email);

  const faults = createFaults();
  const journal = createJournal();
  const grants = createGrants(now, options.expiresIn ?? 3_599);
  const oauth = createOAuth({ client, grants, key: once(createSigningKey), now, withheld: () => consent.withheldScopes });
  const subscriptions = createSubscriptions({
    now,
    clientId: client.id,
    driveOf: (segments, grant) => resolveDrive(segments, grant, graph),
    mailboxOf: (email) => account(email).mailbox,
    readersMaySubscribe: () => lenient.readersMaySubscribe,
  });
  const graph: GraphDeps = {
    now,
    generation: () => faults.generation,
    deltaTellsAll: () => lenient.deltaTellsAll,
    account,
    drives,
    sites,
    subscriptions,
  };
  const page = { clientId: client.id, emails: () => [...accounts.keys()], isDenied: () => consent.denied, allow: oauth.allow, now };
  const router = createRouter({ oauth, consent: page, grants, graph, faults, journal, lenient });
  const { port, stop } = await serve({ ...router, latencyMs: () => faults.latencyMs });
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    authUrl: `${url}/common/oauth2/v2.0/authorize`,
    tokenUrl: `${url}/common/oauth2/v2.0/token`,
    client,
    consent,
    lenient,
    faults,
    journal: journal.public,
    subscriptions: subscriptions.all,
    account,
    addAccount(email) {
      const added = createAccount(email, now);
      accounts.set(added.email, added);
      know(added.drive);
      return added;
    },
    addSite(about) {
      const site = createSite(about, now, know);
      sites.push(site);
      return site;
    },
    issueTokens(email, { scopes = ALL_SCOPES } = {}) {
      const { accessToken, refreshToken, expiresIn } = grants.issue(account(email).email, [...new Set([...scopes, 'offline_access'])]);
      return { accessToken, refreshToken: refreshToken ?? '', expiresIn };
    },
    expireTokens: grants.expireAll,
    revoke: (email) => grants.revoke(email.toLowerCase()),
    stop,
  };
}

/** When it is first asked for: a key takes a moment to make. */
function once(make: () => SigningKey): () => SigningKey {
  let made: SigningKey | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
