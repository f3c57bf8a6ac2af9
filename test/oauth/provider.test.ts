import { describe, expect, it } from 'vitest';
import { describeGoogle } from '../../lib/oauth/providers/google.ts';

const client = { clientId: 'id', clientSecret: 'secret' };

describe('Google', () => {
  it('is its own servers unless others are named', () => {
    expect(describeGoogle(client)).toMatchObject({
      authUrl: 'https://accounts.google.com/o/oauth2/v2/auth',
      tokenUrl: 'https://oauth2.googleapis.com/token',
      revokeUrl: 'https://oauth2.googleapis.com/revoke',
    });
  });

  it.each(['http://127.0.0.1:4002/token', 'http://localhost:4002/oauth2/token', 'http://[::1]:4002/token', 'https://google.example.com/token'])(
    'may be stood in for at %s',
    (url) => {
      expect(describeGoogle({ ...client, authUrl: url, tokenUrl: url })).toMatchObject({ tokenUrl: url, revokeUrl: url.replace(/token$/, 'revoke') });
    },
  );

  it.each(['http://google.example.com/token', 'http://127.0.0.1.example.com/token', 'http://localhost.example.com/token', 'http://10.0.0.1/token'])(
    'is not spoken to in the open: %s',
    (url) => {
      expect(() => describeGoogle({ ...client, tokenUrl: url })).toThrow(/^GOOGLE_TOKEN_URL must be https/);
      expect(() => describeGoogle({ ...client, authUrl: url })).toThrow(/^GOOGLE_AUTH_URL must be https/);
    },
  );
});
