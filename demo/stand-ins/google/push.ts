/** Push notices, as Pub/Sub posts them to a subscription with authentication. */
import { randomInt } from 'node:crypto';
import type { StandInClock } from './clock.ts';
import { createSigningKey, type SigningKey } from './keys.ts';
import type { Mailbox } from './mailbox.ts';

export interface PushOptions {
  /** The webhook's address. */
  to: string;
  /** `aud` of the token. Default: the webhook's address. */
  audience?: string;
  /** What is wrong with the notice's token. */
  forge?: 'key' | 'audience' | 'expired' | 'issuer' | 'email' | 'none';
  /** Default: the mailbox's now. */
  historyId?: string;
  /** Of the message; Pub/Sub may send one twice. */
  messageId?: string;
}

export const PUSH_ACCOUNT = 'gmail-push@stand-in.iam.gserviceaccount.com';
const TOKEN_LASTS_SECONDS = 3_600;

/** Posts it; resolves to the answer. */
export async function pushNotice(
  mailbox: Mailbox,
  options: PushOptions,
  { key, clock }: { key: SigningKey; clock: StandInClock },
): Promise<Response> {
  const { to, audience = to, forge, historyId = mailbox.historyId.toString(), messageId = String(randomInt(1e12, 9e12)) } = options;
  const publishTime = new Date(clock.now()).toISOString();
  const data = Buffer.from(JSON.stringify({ emailAddress: mailbox.email, historyId })).toString('base64');
  const message = { data, messageId, message_id: messageId, publishTime, publish_time: publishTime };
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (forge !== 'none') headers.authorization = `Bearer ${pushToken(audience, forge, key, clock)}`;
  const body = JSON.stringify({ message, subscription: 'projects/stand-in/subscriptions/gmail-push' });
  return fetch(to, { method: 'POST', headers, body });
}

function pushToken(audience: string, forge: PushOptions['forge'], key: SigningKey, clock: StandInClock): string {
  const iat = Math.floor(clock.now() / 1_000) - (forge === 'expired' ? 2 * TOKEN_LASTS_SECONDS : 0);
  const signer = forge === 'key' ? createSigningKey(String(key.jwk.kid)) : key;
  return signer.sign({
    iss: forge === 'issuer' ? 'https://accounts.example.com' : 'https://accounts.google.com',
    aud: forge === 'audience' ? 'https://somewhere.example.com/hook' : audience,
    azp: '113774264463038321964',
    sub: '113774264463038321964',
    email: PUSH_ACCOUNT,
    email_verified: forge !== 'email',
    iat,
    exp: iat + TOKEN_LASTS_SECONDS,
  });
}
