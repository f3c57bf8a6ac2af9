import type { Config } from './assemble.ts';
import type { RedisConnection } from './connections.ts';

/** The settings as the start banner shows them: no secret, no credentials in URLs. */
export function describeConfig(config: Config): Record<string, unknown> {
  const { mode, ai, api, worker, scheduler, log } = config;
  return {
    mode: mode.kind,
    ...(mode.kind === 'embedded' ? { dataDir: mode.dataDir } : { queue: describeQueue(mode.queue), database: describeDatabase(mode.database) }),
    ai: {
      provider: ai.provider,
      openai: ai.openai ? `${ai.openai.model}, ${ai.openai.embeddingModel}${at(ai.openai.baseUrl)}` : 'no key',
      anthropic: ai.anthropic ? `${ai.anthropic.model}${at(ai.anthropic.baseUrl)}` : 'no key',
      perQueue: ai.perQueue,
      dailyBudgetUsd: ai.dailyBudgetUsd ?? 'no limit',
    },
    api: {
      address: `${api.host}:${api.port}`,
      publicUrl: withoutCredentials(api.publicUrl),
      apiKeys: api.apiKeys.length,
      corsOrigins: api.corsOrigins,
      basicAuth: api.adminUser !== undefined,
      rateLimitPerMinute: api.rateLimitPerMinute,
    },
    worker,
    queues: Object.fromEntries(worker.queues.map((queue) => [queue, describeSettings(config.queues[queue])])),
    scheduler: { enabled: scheduler.enabled, dailyBriefTime: scheduler.dailyBriefTime, timeZone: scheduler.timeZone, catchUp: scheduler.catchUp },
    log,
    alerts: { webhook: config.alerts.webhookUrl !== undefined, mailTo: config.alerts.emailTo.length },
    traces: config.telemetry.otlpEndpoint === undefined ? 'off' : withoutCredentials(config.telemetry.otlpEndpoint),
    google: config.google.clientId !== undefined,
    microsoft: config.microsoft.clientId !== undefined,
    tokenKeys: config.tokenKeys.map(({ id }) => id),
  };
}

type Services = Extract<Config['mode'], { kind: 'services' }>;

function describeQueue(queue: Services['queue']): string {
  return queue.kind === 'redis' ? `${describeRedis(queue.connection)}, prefix ${queue.prefix}` : withoutCredentials(queue.databaseUrl);
}

function describeRedis(connection: RedisConnection): string {
  const tls = connection.tls ? ' (TLS)' : '';
  const hosts = (list: readonly { host: string; port: number }[]) => list.map(({ host, port }) => `${host}:${port}`).join(',');
  switch (connection.kind) {
    case 'single':
      return `redis ${connection.host}:${connection.port}/${connection.db}${tls}`;
    case 'sentinel':
      return `redis ${connection.name} at sentinels ${hosts(connection.sentinels)}${tls}`;
    case 'cluster':
      return `redis cluster ${hosts(connection.cluster)}${tls}`;
  }
}

function describeDatabase(database: Services['database']): string {
  return withoutCredentials(database.kind === 'supabase' ? database.url : database.databaseUrl);
}

function describeSettings(settings: Config['queues'][keyof Config['queues']]): string {
  const { concurrency, attempts, backoff, timeoutMs, fairness, maxPerKey, maxActive } = settings;
  const caps = [maxPerKey && `${maxPerKey} per user or deal`, maxActive && `${maxActive} in all processes`, !fairness && 'no turns'];
  return [`${concurrency} at a time`, ...caps.filter(Boolean), `${attempts} attempts from ${backoff.delayMs} ms`, `timeout ${timeoutMs} ms`].join(
    ', ',
  );
}

function at(baseUrl: string | undefined): string {
  return baseUrl === undefined ? '' : ` at ${withoutCredentials(baseUrl)}`;
}

/** User, password and query are left out: all of them may hold secrets. */
function withoutCredentials(written: string): string {
  const url = URL.parse(written);
  return url === null ? '[not a URL]' : `${url.protocol}//${url.host}${url.pathname.replace(/\/$/, '')}`;
}
