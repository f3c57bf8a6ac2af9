import { randomUUID } from 'node:crypto';
import { type Environment, findSlips, type Reading, readEnvironment } from './config/environment.ts';
import { ConfigError } from './config/error.ts';
import { deepFreeze } from './config/freeze.ts';
import { chooseMode, type Mode, type Role } from './config/mode.ts';
import { type QueueConfig, queueConfigs } from './config/queue-settings.ts';
import { compact } from './config/variable.ts';
import { environment, type Values } from './config/variables/index.ts';
import type { QueueName } from './jobs/define.ts';
import { queueNames } from './jobs/index.ts';

export type { DatabaseConnection, HostAndPort, QueueConnection, RedisConnection, TlsConfig } from './config/connections.ts';
export { describeConfig } from './config/describe.ts';
export type { Environment } from './config/environment.ts';
export { ConfigError } from './config/error.ts';
export type { Mode, Role } from './config/mode.ts';
export { loadProducerConfig, type ProducerConfig } from './config/producer.ts';
export type { QueueConfig } from './config/queue-settings.ts';

/** Everything that the environment says, once, as it is used. Deeply frozen. */
export type Config = ReturnType<typeof assemble>;
export type AiConfig = Config['ai'];

/**
 * The only way from the environment to the rest of Hivepulse; main.ts files pass `process.env`.
 * Throws `ConfigError` with every problem at once: missing, malformed and contradicting values, and names that look like slips of ours.
 */
export function loadConfig(env: Environment, { role }: { role: Role }): Config {
  const reading = readEnvironment(environment, env);
  reading.problems.push(...findSlips(environment, env, reading.values.HIVEPULSE_ALLOW_VARIABLES ?? []));
  const mode = chooseMode(reading, role);
  checkRelations(reading);
  if (reading.problems.length > 0) throw new ConfigError(reading.problems);
  return deepFreeze(assemble(reading.values, role, mode));
}

/** What `npm run migrate` needs. Throws `ConfigError`. */
export function loadMigrateConfig(env: Environment): { databaseUrl: string; log: Config['log'] } {
  const reading = readEnvironment(environment.pick({ DATABASE_URL: true, LOG_LEVEL: true, LOG_FILE: true, DEBUG_SCORING: true }), env);
  const { problems, named, values } = reading;
  if (!named.has('DATABASE_URL')) problems.push('DATABASE_URL is missing: the Postgres that the migrations are applied to');
  if (problems.length > 0 || values.DATABASE_URL === undefined) throw new ConfigError(problems);
  return deepFreeze({ databaseUrl: values.DATABASE_URL, log: logConfig(values) });
}

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
  const asked = new Map([['AI_PROVIDER', values.AI_PROVIDER], ...queueNames.map((queue) => [queueVariable(queue, 'AI_PROVIDER'), values.queues[queue].AI_PROVIDER] as const)]);
  for (const [name, provider] of asked) {
    if (provider === 'openai' && !named.has('OPENAI_API_KEY')) problems.push(`${name}=openai needs OPENAI_API_KEY`);
    if (provider === 'anthropic' && !named.has('ANTHROPIC_API_KEY')) problems.push(`${name}=anthropic needs ANTHROPIC_API_KEY`);
  }
}
