/** The consent page: GET /o/oauth2/v2/auth. */
import { type Call, html, type Reply } from './http.ts';
import type { Client } from './oauth.ts';

export interface ConsentRequest {
  redirectUri: string;
  scopes: readonly string[];
  email: string;
  offline: boolean;
  /** A new refresh token even where there is one. */
  forced: boolean;
  /** With what the account has granted before. */
  incremental: boolean;
  codeChallenge: string | undefined;
  nonce: string | undefined;
}

export interface ConsentDeps {
  client: Client;
  /** Addresses of all accounts. */
  emails(): readonly string[];
  isDenied(): boolean;
  /** Show a page with buttons instead of answering at once. */
  isInteractive: boolean;
  /** The code for what was allowed. */
  allow(request: ConsentRequest): string;
}

/** Answers with the redirect back to the client; with a page where somebody has to choose, or the client is not known. */
export function answerConsent(call: Call, deps: ConsentDeps): Reply {
  const { query } = call;
  const refusal = refusalOf(query, deps.client);
  if (refusal) return html(400, `<h1>Access blocked</h1><p>Error 400: ${refusal}</p>`);
  const email = chooseAccount(query.get('login_hint') ?? undefined, deps.emails());
  if (email === undefined || (deps.isInteractive && query.get('approve') !== 'yes')) return chooserPage(call, deps.emails());
  const redirect = new URL(query.get('redirect_uri') ?? '');
  redirect.searchParams.set('state', query.get('state') ?? '');
  if (deps.isDenied()) redirect.searchParams.set('error', 'access_denied');
  else {
    const request = readRequest(query, email);
    redirect.searchParams.set('code', deps.allow(request));
    redirect.searchParams.set('scope', request.scopes.join(' '));
  }
  return { status: 302, headers: { location: redirect.href }, body: '' };
}

function refusalOf(query: URLSearchParams, client: Client): string | undefined {
  const redirectUri = query.get('redirect_uri') ?? '';
  if (query.get('client_id') !== client.id) return 'invalid_client';
  if (!URL.canParse(redirectUri) || (client.redirectUris && !client.redirectUris.includes(redirectUri))) return 'redirect_uri_mismatch';
  if (query.get('response_type') !== 'code') return 'unsupported_response_type';
  if (!query.get('scope')) return 'invalid_request';
  const method = query.get('code_challenge_method') ?? 'plain';
  return query.has('code_challenge') && method !== 'S256' ? 'invalid_request' : undefined;
}

function chooseAccount(hint: string | undefined, emails: readonly string[]): string | undefined {
  if (hint !== undefined) return emails.find((email) => email === hint.toLowerCase());
  return emails.length === 1 ? emails[0] : undefined;
}

function readRequest(query: URLSearchParams, email: string): ConsentRequest {
  return {
    redirectUri: query.get('redirect_uri') ?? '',
    scopes: (query.get('scope') ?? '').split(' ').filter((scope) => scope !== ''),
    email,
    offline: query.get('access_type') === 'offline',
    incremental: query.get('include_granted_scopes') === 'true',
    forced: query.get('prompt')?.split(' ').includes('consent') ?? false,
    codeChallenge: query.get('code_challenge') ?? undefined,
    nonce: query.get('nonce') ?? undefined,
  };
}

/** One link for each account; plain links, so that a test can follow them. */
function chooserPage({ path, query }: Call, emails: readonly string[]): Reply {
  const links = emails.map((email) => {
    const chosen = new URLSearchParams(query);
    chosen.set('login_hint', email);
    chosen.set('approve', 'yes');
    return `<p><a href="${path}?${chosen.toString().replaceAll('&', '&amp;')}">Allow as ${email.replace(/[&<>"]/g, '')}</a></p>`;
  });
  return html(200, `<h1>Stand-in for Google</h1><p>An app wants to read a mailbox that exists only here.</p>${links.join('')}`);
}
