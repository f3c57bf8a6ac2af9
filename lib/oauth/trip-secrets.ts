import { z } from 'zod';
import type { OAuthState } from '../db/mail-types.ts';
import { ACCESS } from './access.ts';
import type { Vault } from './vault.ts';

const secretsSchema = z.object({
  verifier: z.string(),
  nonce: z.string(),
  /** What the account is to be connected for. Round trips of an older version went for mail. */
  access: z.array(z.enum(ACCESS)).default(['mail']),
  /** The scopes that were asked for: what is granted where the provider does not say. */
  asked: z.array(z.string()).default([]),
});

/** What a round trip must not lose on the way, and nobody else is to read. */
export type TripSecrets = z.infer<typeof secretsSchema>;

type Trip = Pick<OAuthState, 'id' | 'userId' | 'provider'>;

export function sealTrip(vault: Vault, trip: Trip, secrets: TripSecrets): string {
  return vault.seal(JSON.stringify(secrets), contextOf(trip));
}

/** Throws `PermanentError` where it does not open. */
export function openTrip(vault: Vault, trip: Trip & Pick<OAuthState, 'secrets'>): TripSecrets {
  return secretsSchema.parse(JSON.parse(vault.open(trip.secrets, contextOf(trip))));
}

const contextOf = ({ id, userId, provider }: Trip): string[] => ['trip', id, userId.toLowerCase(), provider];
