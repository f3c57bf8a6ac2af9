import type { QueueName } from '../jobs/define.ts';
import { type DatabaseConnection, databaseConnection, namesDatabase, namesQueue, type QueueConnection, queueConnection } from './connections.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { ConfigError } from './error.ts';
import { deepFreeze } from './freeze.ts';
import { type QueueConfig, queueConfigs } from './queue-settings.ts';
import { producerEnvironment } from './variables/producer.ts';

/** How an app that imports the helpers reaches the queues. */
export type ProducerConfig =
  | {
      kind: 'queue';
      queue: QueueConnection;
      queues: Record<QueueName, QueueConfig>;
      /** Where job rows are inserted; else they are asked for over the API. */
      database?: DatabaseConnection;
      api?: ApiAddress;
    }
  | ({ kind: 'http' } & ApiAddress)
  /** Neither is named; `message` says what to set. */
  | { kind: 'none'; message: string };

export interface ApiAddress {
  url: string;
  apiKey: string;
}

const NONE = 'Nothing says where the queues are: set REDIS_URL (or QUEUE_BACKEND=postgres with DATABASE_URL), or HIVEPULSE_URL and HIVEPULSE_API_KEY';

/** Looks only at what producing needs and takes no offence at unknown names: the environment is the app's. Throws `ConfigError` for what does not parse. */
export function loadProducerConfig(env: Environment = process.env): ProducerConfig {
  const reading = readEnvironment(producerEnvironment, env);
  const { values, named, problems } = reading;
  const { HIVEPULSE_URL: url, HIVEPULSE_API_KEY: apiKey } = values;
  const api = url === undefined || apiKey === undefined ? undefined : { url, apiKey };
  const config = ((): ProducerConfig => {
    if (namesQueue(reading)) {
      const queue = queueConnection(reading);
      const database = namesDatabase(reading) ? databaseConnection(reading) : undefined;
      return queue === undefined
        ? { kind: 'none', message: NONE }
        : { kind: 'queue', queue, queues: queueConfigs(values), ...(database ? { database } : {}), ...(api ? { api } : {}) };
    }
    if (named.has('HIVEPULSE_URL') && !named.has('HIVEPULSE_API_KEY'))
      problems.push('HIVEPULSE_URL needs HIVEPULSE_API_KEY: one of the API_KEYS there');
    return api === undefined ? { kind: 'none', message: NONE } : { kind: 'http', ...api };
  })();
  if (problems.length > 0) throw new ConfigError(problems);
  return deepFreeze(config);
}
