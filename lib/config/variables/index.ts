import { z } from 'zod';
import { aiVariables, googleVariables, microsoftVariables } from './domains.ts';
import { apiVariables, logVariables, schedulerVariables, workerVariables } from './process.ts';
import { allQueueSettings } from './queues.ts';
import { databaseVariables, producerVariables, queueVariables, storageVariables } from './services.ts';

/** In the order of `.env.example`. */
export const groups = [
  { title: 'Queue', variables: queueVariables },
  { title: 'Database', variables: databaseVariables },
  { title: 'Files', variables: storageVariables },
  { title: 'AI', variables: aiVariables },
  { title: 'API', variables: apiVariables },
  { title: 'Worker', variables: workerVariables },
  { title: 'Scheduler', variables: schedulerVariables },
  { title: 'Logs and alerts', variables: logVariables },
  { title: 'Google', variables: googleVariables },
  { title: 'Microsoft', variables: microsoftVariables },
  { title: 'Apps that import the helpers, and the command line', variables: producerVariables },
] as const;

/** The one schema that reads the environment. */
export const environment = z.object({
  ...queueVariables,
  ...databaseVariables,
  ...storageVariables,
  ...aiVariables,
  ...apiVariables,
  ...workerVariables,
  ...schedulerVariables,
  ...logVariables,
  ...googleVariables,
  ...microsoftVariables,
  ...producerVariables,
  queues: allQueueSettings,
});
export type Values = z.infer<typeof environment>;
