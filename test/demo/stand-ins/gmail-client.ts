import type { gmail_v1 } from '@googleapis/gmail';
import { type GoogleStandIn, READ_SCOPES } from '../../../demo/stand-ins/google/server.ts';

export const ME = 'me@example.com';

/** Google's own client, at the stand-in, for one account. */
export async function gmailOf(google: GoogleStandIn, scopes?: readonly string[]): Promise<gmail_v1.Gmail> {
  return (await clientsOf(google, scopes)).gmail;
}

/** With the OAuth client below it, whose `request` sends what the Gmail client has no method for. */
export async function clientsOf(google: GoogleStandIn, scopes: readonly string[] = READ_SCOPES) {
  const { gmail } = await import('@googleapis/gmail');
  const oauth = await oauthOf(google);
  const { accessToken, refreshToken } = google.issueTokens(ME, { scopes });
  oauth.setCredentials({ access_token: accessToken, refresh_token: refreshToken ?? null });
  return { oauth, gmail: gmail({ version: 'v1', auth: oauth, rootUrl: `${google.url}/` }) };
}

export async function oauthOf(google: GoogleStandIn, client = google.client) {
  const { auth } = await import('@googleapis/gmail');
  return new auth.OAuth2({
    clientId: client.id,
    clientSecret: client.secret,
    redirectUri: 'http://localhost/callback',
    endpoints: { oauth2AuthBaseUrl: google.authUrl, oauth2TokenUrl: google.tokenUrl, oauth2RevokeUrl: google.revokeUrl },
  });
}

/** What an answer with an error was. */
export async function refusal(call: Promise<unknown>): Promise<{ status: number; reason: string; headers: Headers }> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  // What Google's client throws: its class is not exported by the Gmail package.
  const { response } = error as { response: { status: number; headers: Headers; data: { error: { errors: { reason: string }[] } } } };
  return { status: response.status, reason: response.data.error.errors[0]?.reason ?? '', headers: response.headers };
}

export const mail = (subject: string, text = 'Hello.', more = ''): string =>
  `From: Ada <ada@example.com>\r\nTo: ${ME}\r\nSubject: ${subject}\r\n${more}Content-Type: text/plain\r\n\r\n${text}\r\n`;
