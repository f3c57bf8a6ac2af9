import { listenFriendly } from '../api/listen.ts';
import { buildServer } from '../api/server.ts';
import { systemClock } from '../lib/clock.ts';
import { queueNames } from '../lib/jobs/index.ts';
import { type Deadline, type Service, within } from '../lib/lifecycle.ts';
import { noticeOptions } from '../lib/mail/notices.ts';
import type { Core } from './parts.ts';

export interface HttpService extends Service {
  /** Where it listens; known after `start`. */
  readonly url: string;
}

/** The HTTP API as a service. `port` 0 lets the system choose. */
export async function createHttpService(
  { config, connections, log, queue, relay, ai, oauth, sourceWatches, metrics, silence, workerDeps }: Core,
  apiKeys: readonly string[] = config.api.apiKeys,
): Promise<HttpService> {
  const { backend, db } = connections;
  const loopback = isLoopback(config.api.host);
  const app = await buildServer({
    db,
    queue,
    storage: workerDeps.storage,
    boardQueues: () => queueNames.map((name) => backend.queue(name)),
    scoreStory: async (story) => (await import('../lib/scoring/local.ts')).scoreLocally(story),
    ai: { testOpenAi: () => ai.testOpenAi(), openAiConfigured: config.ai.openai !== undefined },
    metrics,
    workers: { lastPoll: queue.lastPoll, silent: () => silence.queues },
    relay,
    oauth,
    sourceWatches,
    log,
    tracer: connections.tracer,
    clock: systemClock,
    options: {
      ...config.api,
      apiKeys,
      loopback,
      mode: config.mode.kind,
      timeZone: config.scheduler.timeZone,
      gmailPush: noticeOptions(config.google),
    },
  });
  let port = config.api.port;
  return {
    name: 'http',
    get url() {
      return `http://${loopback ? '127.0.0.1' : 'localhost'}:${port}`;
    },
    start: async () => {
      ({ port } = await listenFriendly(app, config.api));
    },
    stop: async (deadline: Deadline) => {
      await within(app.close(), deadline, undefined);
    },
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
