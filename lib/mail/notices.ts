/** Google's notices of new mail, as Pub/Sub pushes them: who signed one, and what it says. */
import type { JWTVerifyOptions } from 'jose';
import { z } from 'zod';
import { SECOND } from '../clock.ts';
import type { Config } from '../config.ts';
import { messageOf, UnavailableError } from '../errors.ts';

export interface NoticeOptions {
  /** `GOOGLE_PUBSUB_AUDIENCE`: whom the subscription signs its notices for. */
  audience: string;
  /**
   * `GOOGLE_PUBSUB_SERVICE_ACCOUNT`: the e-mail address of whoever must have signed. Not set: any service account will do, a stranger's too: Google
   * signs for any audience. A stranger could ask for fetches that find nothing; no more.
   */
  serviceAccount?: string | undefined;
  /** Where Google's public keys are, as a JSON Web Key Set. */
  keysUrl: string;
  /** Longest wait for the keys, in milliseconds. Long: forged notices hold connections. Default 5,000. */
  timeoutMs?: number;
}

const GOOGLE_APIS = 'https://www.googleapis.com';

/** Undefined where push is not set up. */
export function noticeOptions({ pubsubAudience, pubsubServiceAccount, apiRootUrl = GOOGLE_APIS }: Config['google']): NoticeOptions | undefined {
  if (pubsubAudience === undefined) return undefined;
  return { audience: pubsubAudience, serviceAccount: pubsubServiceAccount, keysUrl: `${apiRootUrl.replace(/\/$/, '')}/oauth2/v3/certs` };
}

/** Whether the header `Authorization` of a push holds a token of Google's for us. Throws `UnavailableError` when the keys cannot be got. */
export type VerifyNotice = (authorization: string | undefined) => Promise<boolean>;

const ISSUERS = ['https://accounts.google.com', 'accounts.google.com'];
/** Clocks differ. */
const TOLERANCE_SECONDS = 30;
/** A key that is not known yet is looked for at once, but no more often than every `COOL_DOWN_MS`; Google signs with new keys hours after it shows them. */
const KEYS_KEPT_MS = 3_600 * SECOND;
const COOL_DOWN_MS = 30 * SECOND;

const signer = z.object({ email: z.string(), email_verified: z.literal(true) });

export function createVerifyNotice({ audience, serviceAccount, keysUrl, timeoutMs = 5 * SECOND }: NoticeOptions): VerifyNotice {
  const claims: JWTVerifyOptions = {
    issuer: ISSUERS,
    audience,
    algorithms: ['RS256'],
    clockTolerance: TOLERANCE_SECONDS,
    requiredClaims: ['exp', 'iat'],
  };
  let loaded: ReturnType<typeof load> | undefined;

  async function load() {
    const jose = await import('jose');
    return {
      jose,
      keys: jose.createRemoteJWKSet(new URL(keysUrl), { timeoutDuration: timeoutMs, cacheMaxAge: KEYS_KEPT_MS, cooldownDuration: COOL_DOWN_MS }),
    };
  }

  return async (authorization) => {
    const token = bearerToken(authorization);
    if (token === undefined) return false;
    loaded ??= load();
    const { jose, keys } = await loaded;
    // What does not even say the right thing is not worth a look at the keys.
    if (!claimsAudience(token, audience, jose.decodeJwt)) return false;
    try {
      const { payload } = await jose.jwtVerify(token, keys, claims);
      const found = signer.safeParse(payload);
      return found.success && (serviceAccount === undefined || found.data.email === serviceAccount);
    } catch (error) {
      // No key of the set fits, or a claim is wrong: not Google's, or not for us. Any other failure is one to get the keys.
      const refused = error instanceof jose.errors.JOSEError && !(error instanceof jose.errors.JWKSTimeout) && error.code !== 'ERR_JOSE_GENERIC';
      if (refused) return false;
      throw new UnavailableError(`Google’s keys could not be read: ${messageOf(error)}`, { cause: error });
    }
  };
}

/** Google's are about 1 kB. */
const LONGEST_TOKEN = 8_192;

function bearerToken(authorization = ''): string | undefined {
  return authorization.length > LONGEST_TOKEN ? undefined : /^bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization)?.[1];
}

function claimsAudience(token: string, audience: string, decode: (jwt: string) => { aud?: string | string[] }): boolean {
  try {
    return [decode(token).aud].flat().includes(audience);
  } catch {
    return false;
  }
}

export interface Notice {
  email: string;
  /** Where the mailbox stands now. Digits: it does not fit into 64 bits everywhere. */
  historyId: string;
}

/** Base64, in either alphabet. */
const push = z.object({ message: z.object({ data: z.string().regex(/^[\w+/-]+={0,2}$/) }) });
const notice = z.object({ emailAddress: z.string().trim().min(3).max(320), historyId: z.string().regex(/^\d{1,30}$/) });

/** What a push says of a mailbox; undefined where it is no such thing. */
export function parseNotice(body: unknown): Notice | undefined {
  const pushed = push.safeParse(body);
  const found = pushed.success ? notice.safeParse(parseJson(Buffer.from(pushed.data.message.data, 'base64').toString('utf8'))) : undefined;
  return found?.success ? { email: found.data.emailAddress.toLowerCase(), historyId: found.data.historyId } : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, keepDigits);
  } catch {
    return undefined;
  }
}

/** Google writes the history id as a number, which may be one that a `number` cannot hold. */
function keepDigits(key: string, value: unknown, context?: { source?: string }): unknown {
  return key === 'historyId' && typeof value === 'number' ? (context?.source ?? String(value)) : value;
}
