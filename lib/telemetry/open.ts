import type { TelemetryConfig } from '../config/assemble.ts';
import type { Service } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import type { QueueTelemetry } from '../queue/backend.ts';
import type { Tracer } from './contract.ts';

/** Tracing of one process; nothing but the service where it is off. */
export interface Telemetry {
  tracer?: Tracer;
  /** For BullMQ. */
  queue?: QueueTelemetry;
  /** Register it before all others, so that it stops last: it sends the spans that are left. */
  service: Service;
}

export interface TelemetryOptions {
  config: TelemetryConfig;
  /** Unless the configuration names one. */
  serviceName: string;
  instanceId: string;
  log: Logger;
}

/** Without an endpoint nothing of OpenTelemetry is loaded. */
export async function openTelemetry({ config, log, ...options }: TelemetryOptions): Promise<Telemetry> {
  const { otlpEndpoint, otlpHeaders, serviceName = options.serviceName, share } = config;
  if (otlpEndpoint === undefined) return { service: telemetryService(async () => undefined) };
  const [{ startSdk }, { createTracer }, { createQueueTelemetry }] = await Promise.all([
    import('./sdk.ts'),
    import('./tracer.ts'),
    import('./queue.ts'),
  ]);
  const { stop } = startSdk({ endpoint: otlpEndpoint, headers: otlpHeaders, serviceName, instanceId: options.instanceId, share, log });
  return { tracer: createTracer(), queue: createQueueTelemetry(), service: telemetryService(stop) };
}

const telemetryService = (stop: Service['stop']): Service => ({ name: 'telemetry', start: async () => undefined, stop });
