import { z } from 'zod';
import { allQueueSettings, allQueuesVariables } from './queues.ts';
import { databaseVariables, producerVariables, queueVariables } from './services.ts';

/** What an app that imports the helpers needs; a module of its own, since such an app loads nothing else. */
export const producerEnvironment = z.object({
  ...queueVariables,
  ...databaseVariables,
  ...producerVariables,
  ...allQueuesVariables,
  queues: allQueueSettings,
});
export type ProducerValues = z.infer<typeof producerEnvironment>;
