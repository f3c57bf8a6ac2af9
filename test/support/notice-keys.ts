import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

export const AUDIENCE = 'https://hivepulse.example.com/api/webhooks/gmail';
export const PUSHER = 'pusher@project.iam.gserviceaccount.com';

/** A key pair under an id; a forger's may carry the id of the true one. */
export async function createNoticeKey(kid: string) {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' };

  /** A token as Google makes them for Pub/Sub; `claims` replace its own, undefined leaves one out. */
  async function sign(claims: Readonly<Record<string, unknown>> = {}, header: { alg?: string; kid?: string } = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const own = {
      iss: 'https://accounts.google.com',
      aud: AUDIENCE,
      azp: '1',
      sub: '1',
      email: PUSHER,
      email_verified: true,
      iat: now,
      exp: now + 3_600,
    };
    // Forged claims may be of any type.
    return new SignJWT({ ...own, ...claims } as JWTPayload).setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT', ...header }).sign(privateKey);
  }

  return { jwk, sign };
}
export type NoticeKey = Awaited<ReturnType<typeof createNoticeKey>>;

/** Shows public keys as Google does; counts who asks, and fails or hangs on command. */
export async function startKeyServer(keys: NoticeKey[]) {
  let asked = 0;
  let mode: 'up' | 'down' | 'hanging' = 'up';
  const server = createServer((_request, response) => {
    asked += 1;
    if (mode === 'hanging') return;
    response.writeHead(mode === 'down' ? 503 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    // Listening on a port, so never a pipe's name.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/oauth2/v3/certs`,
    asked: () => asked,
    be: (now: typeof mode) => {
      mode = now;
    },
    show: (...more: NoticeKey[]) => void keys.push(...more),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
export type KeyServer = Awaited<ReturnType<typeof startKeyServer>>;

/** What Pub/Sub posts. */
export function pushOf(notice: { emailAddress: string; historyId: string | number }): object {
  const data = Buffer.from(JSON.stringify(notice)).toString('base64');
  return { message: { data, messageId: '1', publishTime: new Date().toISOString() }, subscription: 'projects/p/subscriptions/s' };
}
