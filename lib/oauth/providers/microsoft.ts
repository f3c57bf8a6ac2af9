import { namesOf, type ProviderDescription, secure, textOf } from '../provider.ts';

export interface MicrosoftOptions {
  clientId: string;
  clientSecret: string;
  /** `common`, `organizations`, `consumers`, or the id or a domain of a tenant. */
  tenantId: string;
  /** Instead of Microsoft's own. Plain HTTP only on this machine. */
  authUrl?: string | undefined;
  tokenUrl?: string | undefined;
}

const LOGIN = 'https://login.microsoftonline.com';
/** All personal accounts are of this tenant. */
const PERSONAL = '9188040d-6c67-4c5b-b112-36a304b66dad';
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Throws `PermanentError` `insecure_url`. */
export function describeMicrosoft(options: MicrosoftOptions): ProviderDescription {
  const tenantId = options.tenantId.toLowerCase();
  const endpoint = (name: string): string => `${LOGIN}/${encodeURIComponent(tenantId)}/oauth2/v2.0/${name}`;
  const authUrl = secure('MICROSOFT_AUTH_URL', options.authUrl ?? endpoint('authorize'));
  const tokenUrl = secure('MICROSOFT_TOKEN_URL', options.tokenUrl ?? endpoint('token'));
  // A national cloud, or a server that stands in for Microsoft, names itself.
  const makers = [LOGIN, ...(options.authUrl === undefined ? [] : namesOf(authUrl))];
  return {
    name: 'microsoft',
    label: 'Microsoft',
    // Each tenant has a name of its own: whichever of them may connect here, and the token says that it is of this one.
    isIssuer(issuer, claims) {
      const tenant = tenantIn(issuer, makers);
      return tenant !== undefined && mayConnect(tenant, tenantId) && (claims === undefined || claims.tid === tenant);
    },
    // Addresses change hands; `sub` is another one with each client. These two stay, for all of a tenant's apps, as Graph knows them too.
    identify({ oid, tid, email, preferred_username }) {
      if (!isGuid(oid) || !isGuid(tid)) return undefined;
      return { accountId: `${oid}.${tid}`, email: textOf(email) ?? textOf(preferred_username) };
    },
    authUrl: authUrl.href,
    tokenUrl: tokenUrl.href,
    // There is none for one app: `revokeSignInSessions` would sign the user out everywhere.
    revokeUrl: undefined,
    clientId: options.clientId,
    clientSecret: options.clientSecret,
    variables: 'MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET',
    identityScopes: ['openid', 'profile', 'email', 'offline_access'],
    // Personal accounts have no sites.
    scopes: { mail: ['Mail.Read'], files: tenantId === 'consumers' ? ['Files.Read.All'] : ['Files.Read.All', 'Sites.Read.All'] },
    defaultAccess: ['mail', 'files'],
    addsToGrants: false,
    // Never `consent`: it turns users away whose administrator has consented for them. What is new is asked for anyway.
    consent: { response_mode: 'query', prompt: 'select_account' },
    grantsUrl: (accountId) => (accountId.endsWith(`.${PERSONAL}`) ? 'https://account.live.com/consent/Manage' : 'https://myapps.microsoft.com'),
  };
}

/** The tenant of `https://login.microsoftonline.com/{tid}/v2.0`; undefined for everything else. */
function tenantIn(issuer: string, makers: readonly string[]): string | undefined {
  const idIn = (maker: string): string => issuer.slice(maker.length + 1, -'/v2.0'.length);
  const maker = makers.find((one) => isGuid(idIn(one)) && issuer === `${one}/${idIn(one)}/v2.0`);
  return maker === undefined ? undefined : idIn(maker);
}

/** A tenant that is named by a domain has an id that is not known here: its own endpoints are for its accounts alone. */
function mayConnect(tenant: string, allowed: string): boolean {
  if (allowed === 'organizations') return tenant !== PERSONAL;
  if (allowed === 'consumers') return tenant === PERSONAL;
  return !GUID.test(allowed) || tenant === allowed;
}

const isGuid = (claim: unknown): claim is string => typeof claim === 'string' && GUID.test(claim);
