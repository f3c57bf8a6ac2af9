import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyHere } from '../../lib/db/users.ts';
import { freePort } from '../support/port.ts';

const USER = '5f2f6f3e-8a8d-4a34-9a0f-6a2e1d3f4b5c';
const secret = 'super-secret-jwt-token-with-at-least-32-characters';
const key = new TextEncoder().encode(secret);

const token = (changes: { sub?: string; aud?: string; expires?: number } = {}, alg = 'HS256') =>
  new SignJWT({ role: 'authenticated' })
    .setProtectedHeader({ alg, kid: 'k1' })
    .setSubject(changes.sub ?? USER)
    .setAudience(changes.aud ?? 'authenticated')
    .setExpirationTime(changes.expires ?? 4_000_000_000);

describe('checking tokens with the project’s secret', () => {
  const userOf = verifyHere({ secret }, 1_000);

  it('knows the user of a token that holds', async () => {
    expect(await userOf(await token().sign(key))).toEqual({ id: USER });
  });

  it.each([
    ['signed with another secret', async () => token().sign(new TextEncoder().encode(`${secret}!`))],
    ['expired', async () => token({ expires: 1 }).sign(key)],
    ['for another audience', async () => token({ aud: 'anon' }).sign(key)],
    ['of no user', async () => token({ sub: 'service' }).sign(key)],
    ['without a signature', async () => `${(await token().sign(key)).split('.').slice(0, 2).join('.')}.`],
    ['no token at all', async () => 'garbage'],
  ])('knows nobody behind one that is %s', async (_, make) => {
    expect(await userOf(await make())).toBeUndefined();
  });
});

describe('checking tokens with the project’s public keys', () => {
  let server: Server;
  let jwksUrl: string;
  let pair: Awaited<ReturnType<typeof generateKeyPair>>;
  beforeAll(async () => {
    pair = await generateKeyPair('ES256');
    const keys = [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256' }];
    server = createServer((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys })));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    // An address is a string only for sockets in the file system.
    jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('knows the user of a token that holds, and nobody behind another project’s', async () => {
    const userOf = verifyHere({ jwksUrl }, 1_000);
    expect(await userOf(await token({}, 'ES256').sign(pair.privateKey))).toEqual({ id: USER });
    const other = await generateKeyPair('ES256');
    expect(await userOf(await token({}, 'ES256').sign(other.privateKey))).toBeUndefined();
    expect(await userOf(await token().sign(key))).toBeUndefined();
  });

  it('does not take keys it cannot get for a bad token', async () => {
    const userOf = verifyHere({ jwksUrl: `http://127.0.0.1:${await freePort()}/jwks.json` }, 500);
    await expect(userOf(await token({}, 'ES256').sign(pair.privateKey))).rejects.toMatchObject({ name: 'UnavailableError' });
  });
});
