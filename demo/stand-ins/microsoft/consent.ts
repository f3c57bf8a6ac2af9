/** The sign-in and consent page: GET /{tenant}/oauth2/v2.0/authorize. */
import { shortScope } from './grants.ts';
import { type Call, html, type Reply } from './http.ts';
import { describe, type OAuthFailure } from './oauth-errors.ts';

export interface ConsentRequest {
  clientId: string;
  redirectUri: string;
  scopes: readonly string[];
  email: string;
  codeChallenge: string | undefined;
  nonce: string | undefined;
}

export interface ConsentDeps {
  clientId: string;
  emails(): readonly string[];
  isDenied(): boolean;
  /** The code for what was allowed. */
  allow(request: ConsentRequest): string;
  now(): number;
}

const PROMPTS = new Set(['login', 'none', 'consent', 'select_account', 'create']);
const RESPONSE_MODES = new Set(['query', 'fragment', 'form_post']);
const OIDC_SCOPES = new Set(['openid', 'email', 'profile', 'offline_access']);

/** Answers with the way back to the client; with a page where somebody has to choose, or the client is not known. */
export function answerConsent(call: Call, deps: ConsentDeps): Reply {
  const { query } = call;
  const stranger = strangerOf(query, deps.clientId);
  if (stranger) return errorPage(stranger, deps.now());
  const refusal = refusalOf(query);
  if (refusal) return back(query, failed(refusal, deps.now()));
  const email = chooseAccount(query, deps.emails());
  if (email === undefined && query.get('prompt') === 'none')
    return back(
      query,
      failed({ error: 'login_required', number: 50058, text: 'Session information is not sufficient for single-sign-on.' }, deps.now()),
    );
  if (email === undefined) return chooserPage(call, deps.emails());
  if (deps.isDenied())
    return back(query, failed({ error: 'access_denied', number: 65004, text: 'User declined to consent to access the app.' }, deps.now()));
  return back(query, { code: deps.allow(readRequest(query, email)), session_state: '4b1d4b6e-1c3d-4f7c-9d54-2d9c5e1f0b7a' });
}

/** Nobody is sent to an address that is not known to be the client's. */
function strangerOf(query: URLSearchParams, clientId: string): OAuthFailure | undefined {
  if (query.get('client_id') !== clientId)
    return {
      error: 'unauthorized_client',
      number: 700016,
      text: `Application with identifier '${query.get('client_id')}' was not found in the directory.`,
    };
  if (!URL.canParse(query.get('redirect_uri') ?? ''))
    return {
      error: 'invalid_request',
      number: 50011,
      text: 'The redirect URI specified in the request does not match the redirect URIs configured for the application.',
    };
  return undefined;
}

function refusalOf(query: URLSearchParams): OAuthFailure | undefined {
  const invalid = (number: number, text: string): OAuthFailure => ({ error: 'invalid_request', number, text });
  if (query.get('response_type') !== 'code')
    return { error: 'unsupported_response_type', number: 700054, text: "response_type 'id_token' is not enabled for the application." };
  if (!query.get('scope')) return invalid(900144, "The request body must contain the following parameter: 'scope'.");
  if (!RESPONSE_MODES.has(query.get('response_mode') ?? 'query')) return invalid(90014, "The value of 'response_mode' is not supported.");
  if (!PROMPTS.has(query.get('prompt') ?? 'login')) return invalid(90023, "Unsupported 'prompt' value.");
  const method = query.get('code_challenge_method') ?? 'plain';
  if (query.has('code_challenge') && method !== 'S256') return invalid(501461, 'This stand-in takes S256 alone as code_challenge_method.');
  const unknown = scopesOf(query).find((scope) => !isScope(scope));
  if (unknown !== undefined)
    return { error: 'invalid_client', number: 650053, text: `The application asked for scope '${unknown}' that doesn't exist on the resource.` };
  return undefined;
}

/** Those that this stand-in asks for somewhere, and what goes with sign-in. */
function isScope(scope: string): boolean {
  const short = shortScope(scope);
  return (
    OIDC_SCOPES.has(short) ||
    short === '.default' ||
    /^(User|Mail|MailboxSettings|MailboxFolder|Files|Sites|Calendars|Contacts)\.[A-Z][A-Za-z.]+$/i.test(short)
  );
}

const scopesOf = (query: URLSearchParams): string[] => (query.get('scope') ?? '').split(' ').filter((scope) => scope !== '');

function chooseAccount(query: URLSearchParams, emails: readonly string[]): string | undefined {
  const hint = query.get('login_hint');
  if (hint !== null) return emails.find((email) => email === hint.toLowerCase());
  return emails.length === 1 ? emails[0] : undefined;
}

function readRequest(query: URLSearchParams, email: string): ConsentRequest {
  return {
    clientId: query.get('client_id') ?? '',
    redirectUri: query.get('redirect_uri') ?? '',
    scopes: scopesOf(query),
    email,
    codeChallenge: query.get('code_challenge') ?? undefined,
    nonce: query.get('nonce') ?? undefined,
  };
}

function failed(failure: OAuthFailure, now: number): Record<string, string> {
  return { error: failure.error, error_description: describe(failure, now).description };
}

function back(query: URLSearchParams, answer: Readonly<Record<string, string>>): Reply {
  const values = { ...answer, ...(query.has('state') ? { state: query.get('state') ?? '' } : {}) };
  const target = new URL(query.get('redirect_uri') ?? '');
  if (query.get('response_mode') === 'form_post') return formPage(target.href, values);
  if (query.get('response_mode') === 'fragment') target.hash = new URLSearchParams(values).toString();
  else for (const [name, value] of Object.entries(values)) target.searchParams.set(name, value);
  return { status: 302, headers: { location: target.href }, body: '' };
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

function formPage(target: string, values: Readonly<Record<string, string>>): Reply {
  const inputs = Object.entries(values).map(([name, value]) => `<input type="hidden" name="${name}" value="${escaped(value)}">`);
  return html(200, `<form method="POST" action="${escaped(target)}">${inputs.join('')}</form><script>document.forms[0].submit()</script>`);
}

function errorPage(failure: OAuthFailure, now: number): Reply {
  return html(400, `<h1>Sorry, but we’re having trouble signing you in.</h1><p>${escaped(describe(failure, now).description)}</p>`);
}

/** One link for each account; plain links, so that a test can follow them. */
function chooserPage({ path, query }: Call, emails: readonly string[]): Reply {
  const links = emails.map((email) => {
    const chosen = new URLSearchParams(query);
    chosen.set('login_hint', email);
    chosen.delete('prompt');
    return `<p><a href="${path}?${escaped(chosen.toString())}">Sign in as ${escaped(email)}</a></p>`;
  });
  return html(200, `<h1>Stand-in for Microsoft</h1><p>An app wants to read what exists only here.</p>${links.join('')}`);
}
