import { assemble, type Config, type LogConfig, logConfig } from './config/assemble.ts';
import { type Environment, findSlips, type Reading, readEnvironment } from './config/environment.ts';
import { ConfigError } from './config/error.ts';
import { deepFreeze } from './config/freeze.ts';
import { chooseMode, type Role } from './config/mode.ts';
import { environment, type Values } from './config/variables/index.ts';
import { queueVariable } from './config/variables/queues.ts';
import { queueNames } from './jobs/index.ts';

export type { Config } from './config/assemble.ts';
export { describeConfig } from './config/describe.ts';
export { ConfigError } from './config/error.ts';

/**
 * The only way from the environment to the rest of Hivepulse, taken once, by main.ts files with `process.env`. Deeply frozen.
 * Throws `ConfigError` with every problem at once: missing, malformed and contradicting values, and names that look like slips of ours.
 */
export function loadConfig(env: Environment, { role }: { role: Role }): Config {
  const reading = readEnvironment(environment, env);
  reading.problems.push(...findSlips(environment, env, reading.values.HIVEPULSE_ALLOW_VARIABLES));
  const mode = chooseMode(reading, role);
  checkRelations(reading);
  if (reading.problems.length > 0) throw new ConfigError(reading.problems);
  return deepFreeze(assemble(reading.values, mode));
}

/** What `npm run migrate` needs; `queueInPostgres`: BullMQ's own tables belong into that database too. Throws `ConfigError`. */
export function loadMigrateConfig(env: Environment): { databaseUrl: string; queueInPostgres: boolean; log: LogConfig } {
  const reading = readEnvironment(
    environment.pick({ DATABASE_URL: true, QUEUE_BACKEND: true, LOG_LEVEL: true, LOG_FILE: true, DEBUG_SCORING: true }),
    env,
  );
  const { problems, named, values } = reading;
  if (!named.has('DATABASE_URL'))
    problems.push('DATABASE_URL is missing: the Postgres that the migrations are applied to', ...findSlips(environment, env));
  if (problems.length > 0 || values.DATABASE_URL === undefined) throw new ConfigError(problems);
  return deepFreeze({ databaseUrl: values.DATABASE_URL, queueInPostgres: values.QUEUE_BACKEND === 'postgres', log: logConfig(values) });
}

/** What the Supabase-compatible API of `docker compose` needs; all keys are given. Throws `ConfigError`. */
export function loadLocalSupabaseConfig(env: Environment): {
  databaseUrl: string;
  keys: { serviceKey: string; publishableKey: string; jwtSecret: string };
  host: string;
  port: number;
  log: LogConfig;
  shutdownTimeoutMs: number;
} {
  const { problems, values } = readEnvironment(environment.pick(LOCAL_SUPABASE), env);
  const required = <Name extends (typeof REQUIRED_THERE)[number]>(name: Name): string => {
    const value = values[name];
    if (value === undefined) problems.push(`${name} is missing: the local Supabase-compatible API makes no keys of its own`);
    return value ?? '';
  };
  const [databaseUrl = '', serviceKey = '', publishableKey = '', jwtSecret = ''] = REQUIRED_THERE.map(required);
  if (problems.length > 0) throw new ConfigError(problems);
  const keys = { serviceKey, publishableKey, jwtSecret };
  return deepFreeze({
    databaseUrl,
    keys,
    host: values.HOST ?? '0.0.0.0',
    port: values.PORT,
    log: logConfig(values),
    shutdownTimeoutMs: values.SHUTDOWN_TIMEOUT_MS,
  });
}

const REQUIRED_THERE = ['DATABASE_URL', 'SUPABASE_SERVICE_ROLE_KEY', 'SUPABASE_PUBLISHABLE_KEY', 'SUPABASE_JWT_SECRET'] as const;
const LOCAL_SUPABASE = {
  DATABASE_URL: true,
  SUPABASE_SERVICE_ROLE_KEY: true,
  SUPABASE_PUBLISHABLE_KEY: true,
  SUPABASE_JWT_SECRET: true,
  HOST: true,
  PORT: true,
  LOG_LEVEL: true,
  LOG_FILE: true,
  DEBUG_SCORING: true,
  SHUTDOWN_TIMEOUT_MS: true,
} as const;

const PAIRS = [
  ['ADMIN_USER', 'ADMIN_PASSWORD'],
  ['GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET'],
  ['MICROSOFT_CLIENT_ID', 'MICROSOFT_CLIENT_SECRET'],
  ['GOOGLE_PUBSUB_TOPIC', 'GOOGLE_PUBSUB_AUDIENCE'],
] as const;

function checkRelations({ values, named, problems }: Reading<Values>): void {
  for (const [one, other] of PAIRS) {
    if (named.has(one) !== named.has(other)) problems.push(`${one} and ${other} belong together: set both or none`);
  }
  if (named.has('GOOGLE_PUBSUB_SERVICE_ACCOUNT') && !named.has('GOOGLE_PUBSUB_AUDIENCE')) {
    problems.push('GOOGLE_PUBSUB_SERVICE_ACCOUNT needs GOOGLE_PUBSUB_TOPIC and GOOGLE_PUBSUB_AUDIENCE');
  }
  const providers = queueNames.map((queue) => ({ name: queueVariable(queue, 'AI_PROVIDER'), provider: values.queues[queue].AI_PROVIDER }));
  for (const { name, provider } of [{ name: 'AI_PROVIDER', provider: values.AI_PROVIDER }, ...providers]) {
    if (provider === 'openai' && !named.has('OPENAI_API_KEY')) problems.push(`${name}=openai needs OPENAI_API_KEY`);
    if (provider === 'anthropic' && !named.has('ANTHROPIC_API_KEY')) problems.push(`${name}=anthropic needs ANTHROPIC_API_KEY`);
  }
  if (named.has('ALERT_EMAIL_TO') && !named.has('SMTP_URL')) problems.push('ALERT_EMAIL_TO needs SMTP_URL');
  const ids = values.TOKEN_ENCRYPTION_KEY?.map(({ id }) => id) ?? [];
  if (new Set(ids).size < ids.length) problems.push('TOKEN_ENCRYPTION_KEY has two keys with the same id');
}
