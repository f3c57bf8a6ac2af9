import type { QueueConnection } from '../config/connections.ts';
import type { Logger } from '../log.ts';
import type { QueueBackend, QueueTelemetry } from './backend.ts';

/** The backend that the configuration names; loads the code of that one alone. */
export async function openBackend(
  connection: QueueConnection,
  options: { role: 'producer' | 'worker'; log?: Logger; telemetry?: QueueTelemetry | undefined },
): Promise<QueueBackend> {
  if (connection.kind === 'redis') {
    const { createRedisBackend } = await import('./backend/redis.ts');
    return createRedisBackend({ connection: connection.connection, prefix: connection.prefix, ...options });
  }
  const { createPostgresBackend } = await import('./backend/postgres.ts');
  return createPostgresBackend({ databaseUrl: connection.databaseUrl, poolSize: connection.poolSize, ...options });
}
