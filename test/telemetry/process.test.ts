import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { currentTraceparent, parseTraceparent } from '../../lib/telemetry/current.ts';
import { modulesLoadedBy } from '../support/loaded-modules.ts';
import { startOtlp } from '../support/otlp.ts';

const run = promisify(execFile);

/** What of OpenTelemetry a fresh process has loaded after running `code`. */
async function loadedBy(code: string): Promise<string[]> {
  const loaded = await modulesLoadedBy(code);
  return loaded.filter((url) => /opentelemetry|bullmq-otel/.test(url));
}

const OPEN = (endpoint: string) => `
  const { openTelemetry } = await import('./lib/telemetry/open.ts');
  const log = { warn: () => {}, info: () => {} };
  const { service } = await openTelemetry({ config: { share: 1, ${endpoint} }, serviceName: 'test', instanceId: 'one', log });
  await service.stop({ remainingMs: () => 0 });`;

describe('tracing that is not configured', () => {
  it('loads nothing of OpenTelemetry in an app that imports and uses the helpers', async () => {
    const code = `
      process.env.REDIS_URL = 'redis://127.0.0.1:1';
      const { queueStoryEnhancement, closeQueues } = await import('./lib/index.ts');
      await queueStoryEnhancement('6a2f41a3-c54c-fce8-32d2-0324e1c32e22').catch(() => {});
      await closeQueues();
      await import('./lib/db/client.ts');`;
    expect(await loadedBy(OPEN('') + code)).toEqual([]);
  });

  it('loads no more of it in a process of ours than the API that the metrics’ client brings', async () => {
    const loaded = await loadedBy(`${OPEN('')} await import('./start/parts.ts');`);
    expect(loaded.filter((url) => !url.includes('/@opentelemetry/api/'))).toEqual([]);
  });

  it('would be noticed loading it', async () => {
    const loaded = (await loadedBy(OPEN("otlpEndpoint: 'http://127.0.0.1:1'"))).join();
    for (const name of ['bullmq-otel', '@opentelemetry/api', 'sdk-trace-node', 'exporter-trace-otlp-http']) expect(loaded).toContain(name);
  });

  it('knows of no trace', () => {
    expect(currentTraceparent()).toBeUndefined();
  });
});

describe('tracing that is configured', () => {
  /** One span in a process of its own, which then stops. */
  const traceOnce = async (endpoint: string, share: number, stopWithinMs = 10_000): Promise<{ stoppedAfterMs: number; kept: boolean }> => {
    const script = `
      const { openTelemetry } = await import('./lib/telemetry/open.ts');
      const { currentTraceId } = await import('./lib/telemetry/current.ts');
      const log = { warn: () => {}, info: () => {} };
      const { tracer, service } = await openTelemetry({ config: { share: ${share}, otlpEndpoint: '${endpoint}' }, serviceName: 'test', instanceId: 'one', log });
      const kept = await tracer.span('a chore', { kind: 'producer' }, async () => currentTraceId() !== undefined);
      const stopped = performance.now();
      await service.stop({ remainingMs: () => ${stopWithinMs} });
      console.log(JSON.stringify({ stoppedAfterMs: performance.now() - stopped, kept }));
      process.exit();`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: new URL('../..', import.meta.url) });
    return JSON.parse(stdout);
  };

  it('sends what is left when the process stops', async () => {
    const otlp = await startOtlp();
    expect(await traceOnce(otlp.url, 1)).toMatchObject({ kept: true });
    expect(otlp.spans().map(({ name }) => name)).toEqual(['a chore']);
  });

  it('keeps no more than its share of traces', async () => {
    const otlp = await startOtlp();
    expect(await traceOnce(otlp.url, 0)).toMatchObject({ kept: false });
    expect(otlp.spans()).toEqual([]);
  });

  it('stops by its deadline when nobody answers', async () => {
    const otlp = await startOtlp();
    otlp.misbehave('silent');
    const { stoppedAfterMs } = await traceOnce(otlp.url, 1, 200);
    // By itself the last export would wait for 5 s.
    expect(stoppedAfterMs).toBeLessThan(3_000);
  });
});

describe('a traceparent', () => {
  it('counts for nothing when it is not one', () => {
    const [trace, span] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
    expect(parseTraceparent(`00-${trace}-${span}-01`)).toEqual({ traceId: trace, spanId: span, traceFlags: 1 });
    expect(parseTraceparent(`00-${trace}-${span}-00`)).toEqual({ traceId: trace, spanId: span, traceFlags: 0 });
    const zeros = (length: number): string => '0'.repeat(length);
    for (const wrong of [
      undefined,
      '',
      'x',
      `00-${trace}-${span}`,
      `00-${zeros(32)}-${span}-01`,
      `00-${trace}-${zeros(16)}-01`,
      `ff-${trace}-${span}-01`,
    ])
      expect(parseTraceparent(wrong)).toBeUndefined();
  });
});
