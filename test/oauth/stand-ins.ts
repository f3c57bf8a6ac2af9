import type { GoogleStandIn } from '../../demo/stand-ins/google/server.ts';
import type { MicrosoftStandIn } from '../../demo/stand-ins/microsoft/contract.ts';
import { guidOf, TENANT_ID } from '../../demo/stand-ins/microsoft/ids.ts';
import type { Provider } from '../../lib/db/mail-types.ts';

export const EMAIL = 'ann@example.com';

/** A provider's OAuth server as a stand-in plays it. */
export interface StandIn {
  name: Provider;
  client: { id: string; secret: string };
  authUrl: string;
  tokenUrl: string;
  /** What its access tokens begin with. */
  tokens: RegExp;
  addAccount(email: string): void;
  accountIdOf(email: string): string;
  issueTokens(email: string): { accessToken: string; refreshToken?: string };
  expireTokens(): void;
  revoke(email: string): void;
  tokenCalls(): number;
  faults: { tokensDown: boolean };
  consent: { denied: boolean; withheldScopes: string[] };
  /** As if nothing had been asked, and nothing was broken. */
  reset(): void;
  stop(): Promise<void>;
}

export function asGoogle(google: GoogleStandIn): StandIn {
  const { client, authUrl, tokenUrl, addAccount, issueTokens, expireTokens, revoke, faults, consent, requests, stop } = google;
  return {
    name: 'google',
    ...{ client, authUrl, tokenUrl, addAccount, issueTokens, expireTokens, revoke, faults, consent, stop },
    tokens: /^ya29\./,
    accountIdOf: (email) => google.mailbox(email).sub,
    tokenCalls: () => requests.counts.token,
    reset() {
      requests.reset();
      faults.clear();
      Object.assign(consent, { denied: false, withheldScopes: [] });
    },
  };
}

function asMicrosoft(microsoft: MicrosoftStandIn): StandIn {
  const { client, authUrl, tokenUrl, addAccount, issueTokens, expireTokens, revoke, faults, consent, journal, stop } = microsoft;
  return {
    name: 'microsoft',
    ...{ client, authUrl, tokenUrl, addAccount, issueTokens, expireTokens, revoke, faults, consent, stop },
    tokens: /^eyJ/,
    accountIdOf: (email) => `${guidOf('user', email)}.${TENANT_ID}`,
    tokenCalls: () => journal.count('token'),
    reset() {
      journal.clear();
      faults.clear();
      Object.assign(consent, { denied: false, withheldScopes: [] });
    },
  };
}

export const startStandIn = {
  async google(): Promise<StandIn> {
    const { startGoogle } = await import('../../demo/stand-ins/google/server.ts');
    return asGoogle(await startGoogle({ accounts: { [EMAIL]: [] } }));
  },
  async microsoft(): Promise<StandIn> {
    const { startMicrosoft } = await import('../../demo/stand-ins/microsoft/server.ts');
    const microsoft = await startMicrosoft();
    microsoft.addAccount(EMAIL);
    return asMicrosoft(microsoft);
  },
};
