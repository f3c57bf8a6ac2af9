import { randomUUID } from 'node:crypto';
import { createClient } from '@supabase/supabase-js';

export interface TestUser {
  id: string;
  email: string;
  password: string;
  /** An access token as the auth server issues it. */
  jwt: string;
}

export interface AuthServer {
  url: string;
  publishableKey: string;
  /** Instead of the network, for the embedded database. */
  fetch?: typeof globalThis.fetch;
}

/** Somebody new, signed up through the auth API. */
export async function signUp({ url, publishableKey, fetch }: AuthServer): Promise<TestUser> {
  const client = createClient(url, publishableKey, {
    ...(fetch ? { global: { fetch } } : {}),
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
  });
  const email = `${randomUUID()}@example.com`;
  const password = randomUUID();
  const { data, error } = await client.auth.signUp({ email, password });
  if (error) throw error;
  if (!data.user || !data.session) throw new Error('Signed up without a session');
  return { id: data.user.id, email, password, jwt: data.session.access_token };
}
