import fastify from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { MINUTE, SECOND } from '../lib/clock.ts';
import { guard } from './access.ts';
import { createIdentify } from './auth.ts';
import type { ApiDeps, App, EventOptions } from './deps.ts';
import { createEventTokens } from './events-token.ts';
import { acceptJsonOnly } from './json.ts';
import { correlate, correlationIdOf } from './plugins/correlation.ts';
import { document } from './plugins/docs.ts';
import { answerFailures, answerUnparsable, createSendFailure } from './plugins/failures.ts';
import { secure } from './plugins/security.ts';
import { closePromptly } from './plugins/shutdown.ts';
import { endSlowBodies } from './plugins/slow-bodies.ts';
import { traceRequests } from './plugins/tracing.ts';
import { analyticsJobRoutes } from './routes/analytics-jobs.ts';
import { briefRoutes } from './routes/briefs.ts';
import { connectionRoutes } from './routes/connections.ts';
import { conversationAnalysisRoute } from './routes/conversation-analysis.ts';
import { conversationAnswerRoutes } from './routes/conversation-answers.ts';
import { conversationExportRoute } from './routes/conversation-export.ts';
import { conversationMapRoute } from './routes/conversation-map.ts';
import { conversationThemeRoutes } from './routes/conversation-themes.ts';
import { conversationRoutes } from './routes/conversations.ts';
import { creditRoutes } from './routes/credits.ts';
import { dailyBriefRoutes } from './routes/daily-briefs.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { dealMemberRoutes } from './routes/deal-members.ts';
import { dealRoutes } from './routes/deals.ts';
import { documentFileRoutes } from './routes/document-files.ts';
import { documentRoutes } from './routes/documents.ts';
import { emailRoutes } from './routes/emails.ts';
import { gdriveWebhookRoute } from './routes/gdrive-webhook.ts';
import { gmailWebhookRoute } from './routes/gmail-webhook.ts';
import { graphWebhookRoute } from './routes/graph-webhook.ts';
import { healthRoutes } from './routes/health.ts';
import { jobEventRoutes } from './routes/job-events.ts';
import { messageRoutes } from './routes/messages.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { newReviewJobRoute } from './routes/new-review-job.ts';
import { queueRoutes } from './routes/queue.ts';
import { replayRoutes } from './routes/replays.ts';
import { reviewJobRoutes } from './routes/review-jobs.ts';
import { riskRoutes } from './routes/risks.ts';
import { scheduleRoutes } from './routes/schedules.ts';
import { sourceChangeRoutes } from './routes/source-changes.ts';
import { sourceSyncRoutes } from './routes/source-syncs.ts';
import { sourceRoutes } from './routes/sources.ts';
import { startRoute } from './routes/start.ts';
import { storyRoutes } from './routes/stories.ts';
import { storyScoringRoutes } from './routes/story-scoring.ts';
import { createStreams } from './sse.ts';
import { createUserCache } from './user-cache.ts';
import { createVisible } from './visible.ts';

const BODY_LIMIT_BYTES = 1024 * 1024;
const RATE_LIMIT_PER_MINUTE = 600;
const BODY_TIMEOUT_MS = 30 * SECOND;
/** 50 MiB over a line of 1 Mbit/s. */
const UPLOAD_TIMEOUT_MS = 10 * MINUTE;
const EVENTS: EventOptions = { heartbeatMs: 15 * SECOND, recheckMs: 3 * SECOND, maxPerCaller: 20 };

/** The whole HTTP API, ready to listen. Closing it ends its event streams, not what was handed in. */
export async function buildServer(deps: ApiDeps): Promise<App> {
  const { options, log } = deps;
  const bodyLimitBytes = options.bodyLimitBytes ?? BODY_LIMIT_BYTES;
  const rateLimitPerMinute = options.rateLimitPerMinute ?? RATE_LIMIT_PER_MINUTE;
  const sendFailure = createSendFailure({ log, bodyLimitBytes });
  const tokens = createEventTokens({ apiKeys: options.apiKeys, clock: deps.clock });

  const app: App = fastify({
    logger: false,
    genReqId: correlationIdOf,
    bodyLimit: bodyLimitBytes,
    trustProxy: options.trustProxy ?? false,
    requestTimeout: UPLOAD_TIMEOUT_MS,
    http: { headersTimeout: BODY_TIMEOUT_MS },
    // During a shutdown our own answer is given, in our own shape.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 512 },
    frameworkErrors: (error, request, reply) => void sendFailure(error, request, reply),
    clientErrorHandler: answerUnparsable,
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);

  if (deps.tracer) traceRequests(app, deps.tracer);
  correlate(app, log);
  answerFailures(app, sendFailure);
  closePromptly(app);
  acceptJsonOnly(app);
  await secure(app, options);
  endSlowBodies(app, { bodyTimeoutMs: options.bodyTimeoutMs ?? BODY_TIMEOUT_MS });
  await guard(app, { identify: identifyBy(deps, tokens), loopback: options.loopback, rateLimitPerMinute });
  await document(app, { rateLimitPerMinute });
  await addRoutes(app, deps, tokens);
  if (deps.boardQueues) {
    const { mountBoard } = await import('./plugins/board.ts');
    await mountBoard(app, deps.boardQueues(), { log, bodyLimitBytes });
  }
  await app.ready();
  return app;
}

function identifyBy({ options, db, clock }: ApiDeps, tokens: ReturnType<typeof createEventTokens>) {
  const { apiKeys, adminUser, adminPassword } = options;
  const users = createUserCache({ userOf: (jwt) => db.userOf(jwt), clock });
  return createIdentify({ apiKeys, adminUser, adminPassword, users, tokens });
}

async function addRoutes(app: App, deps: ApiDeps, tokens: ReturnType<typeof createEventTokens>): Promise<void> {
  const events = { ...EVENTS, ...deps.options.events };
  const visible = createVisible(deps);
  startRoute(app, deps);
  healthRoutes(app, deps);
  metricsRoutes(app, deps);
  storyRoutes(app, deps, visible);
  storyScoringRoutes(app, deps, visible);
  newReviewJobRoute(app, deps, visible);
  reviewJobRoutes(app, deps, visible);
  conversationRoutes(app, deps, visible);
  await conversationAnswerRoutes(app, deps, visible);
  conversationAnalysisRoute(app, deps, visible);
  conversationThemeRoutes(app, visible);
  conversationMapRoute(app, visible);
  conversationExportRoute(app, visible);
  creditRoutes(app, deps, visible);
  connectionRoutes(app, deps, visible);
  analyticsJobRoutes(app, deps, visible);
  messageRoutes(app, visible);
  gmailWebhookRoute(app, deps);
  gdriveWebhookRoute(app, deps);
  graphWebhookRoute(app, deps);
  dealRoutes(app, deps, visible);
  dealMemberRoutes(app, deps, visible);
  await documentFileRoutes(app, deps, visible);
  documentRoutes(app, deps, visible);
  await emailRoutes(app, deps, visible);
  riskRoutes(app, visible);
  briefRoutes(app, visible);
  dailyBriefRoutes(app, deps);
  scheduleRoutes(app, deps, visible);
  sourceRoutes(app, deps, visible);
  sourceChangeRoutes(app, deps, visible);
  sourceSyncRoutes(app, deps, visible);
  queueRoutes(app, deps, visible);
  jobEventRoutes(app, { queue: deps.queue, log: deps.log, visible, streams: createStreams(app, events), tokens, recheckMs: events.recheckMs });
  deadLetterRoutes(app, visible);
  replayRoutes(app, deps, visible);
}
