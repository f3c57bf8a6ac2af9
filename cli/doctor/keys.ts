import type { Config } from '../../lib/config.ts';
import { error, type Finding, ok, warning } from './finding.ts';
import { type SupabaseKey, supabaseKey } from './supabase-key.ts';

/** Shorter keys can be guessed. */
const SHORTEST_API_KEY = 16;

/** Whether the keys are there and look as they should. Asks nobody; shows none. `now` in milliseconds since the epoch. */
export function examineKeys(config: Config, now: number): Finding[] {
  return [...aiKeys(config.ai), ...apiKeys(config), ...supabaseKeys(config, now), ...tokenKeys(config)];
}

function aiKeys({ provider, openai, anthropic }: Config['ai']): Finding[] {
  const findings = [
    ...(openai && openai.baseUrl === undefined ? vendorKey('OPENAI_API_KEY', openai.apiKey, { start: 'sk-', not: 'sk-ant-' }) : []),
    ...(anthropic && anthropic.baseUrl === undefined ? vendorKey('ANTHROPIC_API_KEY', anthropic.apiKey, { start: 'sk-ant-' }) : []),
  ];
  if (findings.length > 0) return findings;
  if (openai || anthropic) return [ok('keys', `of models: ${[openai && 'OpenAI', anthropic && 'Anthropic'].filter(Boolean).join(' and ')}`)];
  if (provider === 'local') return [ok('keys', 'AI_PROVIDER=local needs none')];
  return [
    warning(
      'keys',
      'No key of a model: the local provider does the work by word rules',
      'Set OPENAI_API_KEY or ANTHROPIC_API_KEY, or AI_PROVIDER=local if that is meant.',
    ),
  ];
}

function vendorKey(name: string, key: string, { start, not }: { start: string; not?: string }): Finding[] {
  if (/\s/.test(key) || !key.startsWith(start) || (not !== undefined && key.startsWith(not))) {
    const cure = `Copy the key again; keys of another server than the vendor's own need ${name.replace('_API_KEY', '_BASE_URL')} as well.`;
    return [error('keys', `${name} does not look like a key of its vendor (${start}…)`, cure)];
  }
  return [];
}

function apiKeys({ api, mode }: Config): Finding[] {
  if (api.apiKeys.some((key) => key.length < SHORTEST_API_KEY)) {
    const cure = 'Make keys with: openssl rand -base64 32';
    return [warning('keys', `A key in API_KEYS is shorter than ${SHORTEST_API_KEY} characters and can be guessed`, cure)];
  }
  if (api.apiKeys.length > 0) return [ok('keys', `of the API: ${api.apiKeys.length}`)];
  if (mode.kind === 'embedded') return [ok('keys', 'of the API: the one that the data folder keeps')];
  return [warning('keys', 'API_KEYS is not set: no service and no command line gets in, only users', 'Set API_KEYS (openssl rand -base64 32).')];
}

function supabaseKeys({ mode }: Config, now: number): Finding[] {
  if (mode.kind !== 'services' || mode.database.kind !== 'supabase') return [];
  const { url, serviceRoleKey, publishableKey } = mode.database;
  const service = supabaseKey(serviceRoleKey);
  const problems = [
    service.role === 'publishable' &&
      error('keys', 'SUPABASE_SERVICE_ROLE_KEY holds the publishable (anon) key', 'Take the secret (service_role) key of the project.'),
    ...commonProblems('SUPABASE_SERVICE_ROLE_KEY', service, url, now),
    ...(publishableKey === undefined ? [] : publishableProblems(supabaseKey(publishableKey), url, now)),
  ].filter((found) => found !== false);
  return problems.length > 0 ? problems : [ok('keys', `of Supabase: ${publishableKey === undefined ? 'service' : 'service and publishable'}`)];
}

/** Embedded, the data folder keeps one. */
function tokenKeys({ google, microsoft, tokenKeys: keys, mode }: Config): Finding[] {
  const connects = google.clientId !== undefined || microsoft.clientId !== undefined;
  if (!connects || mode.kind === 'embedded') return [];
  if (keys.length > 0) return [ok('keys', `of stored tokens: ${keys.map(({ id }) => id).join(', ')}`)];
  const cure = 'Set TOKEN_ENCRYPTION_KEY to id:key (openssl rand -base64 32), the same in every process.';
  return [warning('keys', 'TOKEN_ENCRYPTION_KEY is not set: no account can be connected', cure)];
}

function publishableProblems(key: SupabaseKey, url: string, now: number): Finding[] {
  const cure = 'Take the publishable (anon) key, and make a new secret key if this one ever reached a browser.';
  const secret = key.role === 'secret' ? [error('keys', 'SUPABASE_PUBLISHABLE_KEY holds the secret (service_role) key', cure)] : [];
  return [...secret, ...commonProblems('SUPABASE_PUBLISHABLE_KEY', key, url, now)];
}

function commonProblems(name: string, { project, expiresAt, role }: SupabaseKey, url: string, now: number): Finding[] {
  const host = new URL(url).hostname;
  const findings: Finding[] = [];
  if (role === undefined)
    findings.push(warning('keys', `${name} looks like no key of Supabase (sb_…, or a JWT)`, 'Copy it again from the settings of the project.'));
  if (project !== undefined && host.endsWith('.supabase.co') && host.split('.')[0] !== project) {
    findings.push(
      error('keys', `${name} belongs to the project ${project}, SUPABASE_URL to ${host.split('.')[0]}`, 'Take both from the same project.'),
    );
  }
  if (expiresAt !== undefined && expiresAt < now) {
    findings.push(
      error('keys', `${name} has expired on ${new Date(expiresAt).toISOString().slice(0, 10)}`, 'Make a new key in the settings of the project.'),
    );
  }
  return findings;
}
