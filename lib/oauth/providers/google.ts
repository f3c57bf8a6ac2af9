import { namesOf, type ProviderDescription, secure, textOf } from '../provider.ts';

export interface GoogleOptions {
  clientId: string;
  clientSecret: string;
  /** Instead of Google's own. Plain HTTP only on this machine. */
  authUrl?: string | undefined;
  tokenUrl?: string | undefined;
}

const SCOPES = 'https://www.googleapis.com/auth';

/** Throws `PermanentError` `insecure_url`. */
export function describeGoogle(options: GoogleOptions): ProviderDescription {
  const authUrl = secure('GOOGLE_AUTH_URL', options.authUrl ?? 'https://accounts.google.com/o/oauth2/v2/auth');
  const tokenUrl = secure('GOOGLE_TOKEN_URL', options.tokenUrl ?? 'https://oauth2.googleapis.com/token');
  // Google documents both; a server that stands in for it may name itself.
  const names = ['https://accounts.google.com', 'accounts.google.com', ...(options.authUrl === undefined ? [] : namesOf(authUrl))];
  return {
    name: 'google',
    label: 'Google',
    isIssuer: (issuer) => names.includes(issuer),
    identify({ sub, email }) {
      const accountId = textOf(sub);
      return accountId === undefined ? undefined : { accountId, email: textOf(email) };
    },
    authUrl: authUrl.href,
    tokenUrl: tokenUrl.href,
    // Beside the token endpoint: https://oauth2.googleapis.com/revoke.
    revokeUrl: new URL('revoke', tokenUrl).href,
    clientId: options.clientId,
    clientSecret: options.clientSecret,
    variables: 'GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET',
    identityScopes: ['openid', 'email'],
    scopes: { mail: [`${SCOPES}/gmail.readonly`], files: [`${SCOPES}/drive.readonly`] },
    defaultAccess: ['mail'],
    addsToGrants: true,
    // A refresh token comes only with offline access, and the second time only when consent is asked for again.
    consent: { access_type: 'offline', prompt: 'consent', include_granted_scopes: 'true' },
    grantsUrl: () => 'https://myaccount.google.com/permissions',
  };
}
