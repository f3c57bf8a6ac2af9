import type { Connection, SealedTokens } from '../db/mail-types.ts';

/** An account with its tokens, as it stands in the database. */
export type Account = Connection & { tokens: SealedTokens };

/** Names the account by id and the domain of its address. */
export function reauthMessage({ id, provider, email }: Pick<Connection, 'id' | 'provider' | 'email'>): string {
  const domain = email.split('@').at(-1) ?? '';
  return `The ${provider} account at ${domain} (connection ${id}) must be connected again by its user: GET /api/connections/${provider}/start`;
}
