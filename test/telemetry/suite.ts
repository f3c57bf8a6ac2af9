import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OtlpServer, type ReceivedSpan, startOtlp } from '../support/otlp.ts';
import type { TestProcess } from '../support/process.ts';
import { type ApiProcess, eventually, JUDGEMENT, newStoryBody, STORY_MARK, startWorld, type World } from '../support/world.ts';

const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan[] => spans.filter((span) => span.name === name);
const one = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan => {
  const [found, ...more] = named(spans, name);
  if (!found || more.length > 0) throw new Error(`${more.length + 1} spans "${name}" in ${spans.map((span) => span.name).join(', ')}`);
  return found;
};
/** The names from a span up to the first of its trace. */
function path(spans: readonly ReceivedSpan[], span: ReceivedSpan): string[] {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return parent ? [...path(spans, parent), span.name] : [span.name];
}
const ended = (spans: ReceivedSpan[]): boolean => spans.some(({ attributes }) => attributes['hivepulse.job.outcome'] === 'done');

/** An app with an SDK of its own: one span, `checkout`, around a helper's call. */
const app = (otlp: OtlpServer, storyId: string): string => `
  const { BatchSpanProcessor, NodeTracerProvider } = await import('@opentelemetry/sdk-trace-node');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const { resourceFromAttributes } = await import('@opentelemetry/resources');
  const { trace } = await import('@opentelemetry/api');
  const exporter = new OTLPTraceExporter({ url: '${otlp.url}/v1/traces' });
  const provider = new NodeTracerProvider({ resource: resourceFromAttributes({ 'service.name': 'shop' }), spanProcessors: [new BatchSpanProcessor(exporter)] });
  provider.register();
  const { queueStoryEnhancement, closeQueues } = await import('./lib/index.ts');
  await trace.getTracer('shop').startActiveSpan('checkout', async (span) => {
    await queueStoryEnhancement('${storyId}', { force: true });
    console.log(span.spanContext().traceId);
    span.end();
  });
  await closeQueues();
  await provider.shutdown();`;

export function traceSuite(queue: 'redis' | 'postgres'): void {
  /** What does not touch BullMQ's queue is the same on both. */
  const itOnRedis = it.runIf(queue === 'redis');

  describe(`traces with queues on ${queue}`, () => {
    let otlp: OtlpServer;
    let world: World;
    let api: ApiProcess;
    let worker: TestProcess;
    const body = newStoryBody();

    beforeAll(async () => {
      otlp = await startOtlp();
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url, OTEL_EXPORTER_OTLP_HEADERS: 'x-key=of%20a%20tenant', OTEL_BSP_SCHEDULE_DELAY: '50' };
      world = await startWorld({ queue, env });
      api = await world.startApi();
      worker = await world.startWorker({ WORKER_ID: 'worker-of-traces' });
    });
    afterAll(() => world?.stop());

    const enhanceBy = async (env: Readonly<Record<string, string>>, storyId: string): Promise<string> => {
      const shop = world.start(['--input-type=module', '--eval', app(otlp, storyId)], env);
      const traceId = await shop.line((line) => /^[0-9a-f]{32}$/.test(line));
      expect(await shop.exit).toMatchObject({ code: 0 });
      return traceId;
    };

    it('lead from the request that asked for a job through the outbox and the queue to each call of the model and the database', async () => {
      const traceId = hex(16);
      const parent = hex(8);
      const reply = await api.call('POST', '/api/stories', body, { traceparent: `00-${traceId}-${parent}-01` });
      expect(reply.status).toBe(201);
      const spans = await otlp.trace(traceId, ended);

      const request = one(spans, 'POST /api/stories');
      expect(request).toMatchObject({
        parentSpanId: parent,
        kind: 'server',
        attributes: { 'http.route': '/api/stories', 'http.response.status_code': 201 },
      });
      const attempt = one(spans, 'process story-enhancement');
      expect(path(spans, attempt)).toEqual(['POST /api/stories', 'send story-enhancement', 'process story-enhancement']);
      expect(path(spans, one(spans, 'CALL create_story'))).toEqual(['POST /api/stories', 'CALL create_story']);
      for (const name of ['chat gpt-6-luna', 'CALL begin_story_run', 'CALL record_story_scores']) {
        expect(spans.filter((span) => span.name === name).map(({ parentSpanId }) => parentSpanId)).toContain(attempt.spanId);
      }
      expect(attempt).toMatchObject({
        kind: 'consumer',
        failed: false,
        attributes: {
          'messaging.system': 'bullmq',
          'messaging.destination.name': 'story-enhancement',
          'messaging.operation.type': 'process',
          'hivepulse.job.name': 'enhance',
          'hivepulse.job.attempt': 1,
          'hivepulse.job.outcome': 'done',
        },
        resource: { 'service.name': 'hivepulse-worker', 'service.instance.id': 'worker-of-traces', 'service.version': expect.any(String) },
      });
      expect(attempt.attributes['messaging.message.id']).toBe(one(spans, 'send story-enhancement').attributes['messaging.message.id']);
      expect(one(spans, 'chat gpt-6-luna')).toMatchObject({
        kind: 'client',
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'openai',
          'gen_ai.request.model': 'gpt-6-luna',
          'gen_ai.usage.input_tokens': 100,
          'gen_ai.usage.output_tokens': 20,
          'hivepulse.ai.cost_usd': expect.any(Number),
        },
      });
      expect(one(spans, 'CALL record_story_scores').attributes).toEqual({
        'db.system.name': 'postgresql',
        'db.operation.name': 'CALL',
        'db.stored_procedure.name': 'record_story_scores',
      });
      expect(otlp.headers()['x-key']).toBe('of a tenant');
      const line = await worker.entry(({ message, traceId: of }) => message === 'job completed' && of === traceId);
      expect(line).toMatchObject({ queue: 'story-enhancement' });
    });

    it('go on where an app with an SDK of its own asks for a job on the queue', async () => {
      const story = await world.createStory();
      const traceId = await enhanceBy({}, story.id);
      const spans = await otlp.trace(traceId, (found) => ended(found) && found.some(({ name }) => name === 'checkout'));
      const attempt = one(spans, 'process story-enhancement');
      expect(path(spans, attempt)).toEqual(['checkout', 'send story-enhancement', 'process story-enhancement']);
      expect(one(spans, 'send story-enhancement').resource).toMatchObject({ 'service.name': 'shop' });
    });

    itOnRedis('go on where it asks over HTTP', async () => {
      const story = await world.createStory();
      const none = {
        REDIS_URL: '',
        QUEUE_BACKEND: '',
        DATABASE_URL: '',
        SUPABASE_URL: '',
        SUPABASE_SERVICE_ROLE_KEY: '',
        SUPABASE_PUBLISHABLE_KEY: '',
      };
      const traceId = await enhanceBy({ ...none, HIVEPULSE_URL: api.url, HIVEPULSE_API_KEY: api.key }, story.id);
      const spans = await otlp.trace(traceId, (found) => ended(found) && found.some(({ name }) => name === 'checkout'));
      const way = ['checkout', 'POST /api/queue/:queue/jobs', 'send story-enhancement', 'process story-enhancement'];
      expect(path(spans, one(spans, 'process story-enhancement'))).toEqual(way);
    });

    it('hold every attempt of a job side by side, with what was wrong', async () => {
      world.llm.fail(500);
      const traceId = hex(16);
      const reply = await api.call('POST', '/api/stories', newStoryBody(), { traceparent: `00-${traceId}-${hex(8)}-01` });
      expect(reply.status).toBe(201);
      const spans = await otlp.trace(traceId, ended);
      const sent = one(spans, 'send story-enhancement');
      const attempts = named(spans, 'process story-enhancement').toSorted(
        (a, b) => Number(a.attributes['hivepulse.job.attempt']) - Number(b.attributes['hivepulse.job.attempt']),
      );
      expect(attempts.map(({ parentSpanId }) => parentSpanId)).toEqual([sent.spanId, sent.spanId]);
      expect(attempts.map(({ failed, attributes }) => [attributes['hivepulse.job.outcome'], failed])).toEqual([
        ['retry', true],
        ['done', false],
      ]);
      const [failed] = spans.filter((span) => span.name === 'chat gpt-6-luna' && span.failed);
      expect(failed).toMatchObject({ parentSpanId: attempts[0]?.spanId, attributes: { 'error.type': attempts[0]?.attributes['error.type'] } });
    });

    itOnRedis('tell of an answer from the cache, and begin with the relay for a job that plain SQL asked for', async () => {
      const { body: created } = await api.call('POST', '/api/stories', body);
      const storyId = String(created.data.story.id);
      const [asked] = await world.sql<{ id: string }[]>`select enqueue_job('story-enhancement', 'enhance', ${world.sql.json({ storyId })}) as id`;
      const sent = await eventually(() =>
        otlp.spans().find(({ kind, attributes }) => kind === 'producer' && attributes['messaging.message.id'] === asked?.id),
      );
      expect(sent).toMatchObject({ name: 'send story-enhancement', parentSpanId: undefined });
      const cached = await eventually(() => otlp.spans().find(({ events }) => events.some(({ name }) => name === 'hivepulse.ai.cached_answer')));
      expect(cached.name).toBe('process story-enhancement');
    });

    itOnRedis('belong to a job with a row of its own as well, which keeps the trace it was asked for in', async () => {
      const userId = randomUUID();
      await world.db.credits.grant({ userId, amount: 5 });
      const traceId = hex(16);
      const asked = { name: 'sentiment_analysis', payload: { text: 'The room was lovely.' }, options: { userId } };
      const reply = await api.call('POST', '/api/queue/review-ai/jobs', asked, { traceparent: `00-${traceId}-${hex(8)}-01`, 'x-user-id': userId });
      expect(reply.status).toBe(201);
      const spans = await otlp.trace(traceId, (found) => found.some(({ name }) => name === 'process review-ai'));
      expect(path(spans, one(spans, 'process review-ai'))).toEqual(['POST /api/queue/:queue/jobs', 'send review-ai', 'process review-ai']);
    });

    itOnRedis('hold no text of a story, no key and no token, and none of the polling in between', async () => {
      const { env } = world;
      const secrets = [
        STORY_MARK,
        body.title,
        JUDGEMENT.realityCheck,
        JUDGEMENT.eli5Summary,
        env.API_KEYS,
        env.OPENAI_API_KEY,
        env.SUPABASE_SERVICE_ROLE_KEY,
        env.SUPABASE_PUBLISHABLE_KEY,
        'of a tenant',
      ];
      for (const secret of secrets) if (secret) expect(otlp.received()).not.toContain(secret);
      expect(otlp.received()).not.toContain('eq.');
      const beginnings = new Set(otlp.spans().flatMap(({ name, parentSpanId }) => (parentSpanId === undefined ? [name] : [])));
      expect([...beginnings].filter((name) => !/^(checkout|send |POST )/.test(name))).toEqual([]);
      // Of the relay's rounds, which a request may have poked.
      expect(otlp.spans().map(({ name }) => name)).not.toContain('CALL next_outbox_due_ms');
    });

    itOnRedis('are told of once when they cannot be delivered, and hold up neither a job nor the end of its process', async () => {
      const enhanced = async () => world.ended(await world.enhance(await world.createStory()));
      const lost = ({ message }: Record<string, unknown>): boolean => message === 'traces cannot be delivered; jobs go on without them';
      otlp.misbehave(400);
      expect(await enhanced()).toMatchObject({ state: 'completed' });
      await worker.entry(lost);
      expect(await enhanced()).toMatchObject({ state: 'completed' });
      otlp.misbehave(undefined);
      expect(await enhanced()).toMatchObject({ state: 'completed' });
      await worker.entry(({ message }) => message === 'traces are delivered again');
      expect(worker.lines.filter((line) => lost(JSON.parse(line)))).toHaveLength(1);
      otlp.misbehave('silent');
      expect(await enhanced()).toMatchObject({ state: 'completed' });
      expect(worker.kill('SIGTERM')).toBe(true);
      expect(await worker.exit).toMatchObject({ code: 0 });
      await worker.entry(({ message }) => message === 'stopped');
    });
  });
}
