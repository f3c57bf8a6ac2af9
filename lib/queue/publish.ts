import type { JobsOptions } from 'bullmq';
import type { QueueName } from '../jobs/define.ts';
import type { OpenSpan, Tracer } from '../telemetry/contract.ts';

/** A job on its way to its queue. */
interface Outgoing {
  queue: QueueName;
  name: string;
  jobId: string;
  data: { meta: { correlationId: string } };
  options: JobsOptions;
  /** Of whoever asked for it in the database. */
  traceparent?: string | undefined;
}

/**
 * A span for each job that is sent, in the trace of whoever asked for it; the job carries what its attempts go on from. BullMQ has one span
 * for a whole batch, whose jobs come from as many traces.
 */
export async function publishing<T>(tracer: Tracer | undefined, batch: readonly Outgoing[], send: () => Promise<T>): Promise<T> {
  const spans = tracer ? batch.map((job) => beginSpan(tracer, job, batch.length)) : [];
  for (const [index, { options, traceparent }] of batch.entries()) {
    const from = spans[index]?.traceparent ?? traceparent;
    if (from !== undefined) options.telemetry = { metadata: JSON.stringify({ traceparent: from }) };
  }
  try {
    return await send();
  } catch (error) {
    for (const span of spans) span.fail(error);
    throw error;
  } finally {
    for (const span of spans) span.end();
  }
}

function beginSpan(tracer: Tracer, { queue, name, jobId, data, traceparent }: Outgoing, count: number): OpenSpan {
  const attributes = {
    'messaging.system': 'bullmq',
    'messaging.operation.type': 'send',
    'messaging.operation.name': 'send',
    'messaging.destination.name': queue,
    'messaging.message.id': jobId,
    'messaging.message.conversation_id': data.meta.correlationId,
    'hivepulse.job.name': name,
    ...(count > 1 ? { 'messaging.batch.message_count': count } : {}),
  };
  return tracer.begin(`send ${queue}`, { kind: 'producer', attributes, parent: traceparent });
}
