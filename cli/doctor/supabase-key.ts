import { z } from 'zod';

/** What a key of Supabase says about itself. */
export interface SupabaseKey {
  /** Undefined: it looks like no key of theirs. */
  role?: 'secret' | 'publishable';
  /** The project's reference, in keys of the older kind. */
  project?: string;
  /** Milliseconds since the epoch. */
  expiresAt?: number;
}

const claims = z.object({ role: z.string(), ref: z.string().optional(), exp: z.number().optional() });

/** Newer keys begin with `sb_`, older ones are JWTs. https://supabase.com/docs/guides/api/api-keys */
export function supabaseKey(key: string): SupabaseKey {
  if (key.startsWith('sb_secret_')) return { role: 'secret' };
  if (key.startsWith('sb_publishable_')) return { role: 'publishable' };
  const parsed = claims.safeParse(payloadOf(key));
  if (!parsed.success) return {};
  const { role, ref, exp } = parsed.data;
  return {
    ...(role === 'service_role' ? { role: 'secret' as const } : role === 'anon' ? { role: 'publishable' as const } : {}),
    ...(ref === undefined ? {} : { project: ref }),
    ...(exp === undefined ? {} : { expiresAt: exp * 1_000 }),
  };
}

/** Read, not verified: the database does that. */
function payloadOf(jwt: string): unknown {
  try {
    return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
