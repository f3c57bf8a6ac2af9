import { type Config, ConfigError, describeConfig } from '../lib/config.ts';
import { HivepulseError, messageOf } from '../lib/errors.ts';
import { deadlineIn, type Service, startAll, stopAll } from '../lib/lifecycle.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { openTelemetry, type Telemetry } from '../lib/telemetry/open.ts';
import { createWatchdog } from '../lib/watchdog.ts';

/** Runs `main`; what it throws ends the process with code 1 and one readable message. */
export async function runProcess(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    // Whatever was opened must not keep a process alive that has failed to start.
    process.exit(1);
  }
}

/** Errors that we understand need no stack. */
function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof HivepulseError) return `\n${error.message}\n`;
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
}

export async function openLog(config: Config, service: string): Promise<Logger> {
  const { level, file, debugScoring } = config.log;
  return createLogger({
    level: debugScoring ? 'debug' : level,
    service,
    workerId: config.worker.id,
    pretty: !file && process.stdout.isTTY === true,
    file,
  });
}

/** Before anything that may be traced. */
export function startTelemetry(config: Config, log: Logger, service: string): Promise<Telemetry> {
  return openTelemetry({ config: config.telemetry, serviceName: service, instanceId: config.worker.id, log });
}

/** The start banner: the settings, secrets left out. */
export function announce(config: Config, log: Logger): void {
  log.info({ pid: process.pid, node: process.version, settings: describeConfig(config) }, 'starting');
}

export interface ServeOptions {
  config: { worker: Pick<Config['worker'], 'shutdownTimeoutMs'> & Partial<Pick<Config['worker'], 'silentAfterMs'>> };
  log: Logger;
  /** Resolves when this process is of no use any more: it ends, for its supervisor to start it again. */
  silent?: Promise<unknown>;
}

/** Of a process that went silent; any supervisor takes it for a failure. */
const EXIT_SILENT = 70;
/** Its running jobs may end within this time; what does not is handed back or, when that cannot be told any more, lost to its lock. */
const SILENT_STOP_MS = 10_000;
/** For what does not keep the deadline: goodbyes on dead connections may take 2 s more. */
const OVERTIME_MS = 5_000;

/**
 * Starts in order; SIGTERM or SIGINT stops in reverse, within one deadline, and exits 0. A second signal ends at once. A process that has gone silent
 * stops by itself, within about 10 s, and exits 70; one whose event loop stands still is killed.
 */
export async function serve(parts: readonly Service[], { config, log, silent }: ServeOptions): Promise<void> {
  const { shutdownTimeoutMs, silentAfterMs = 0 } = config.worker;
  const services = [createWatchdog({ afterMs: silentAfterMs, log }), ...parts];
  await startAll(services);
  let stopping = false;
  let signalled = false;
  const stop = async (fields: object, code: number, withinMs: number): Promise<void> => {
    stopping = true;
    process.exitCode = code;
    log.info(fields, 'stopping');
    if (code !== 0) setTimeout(() => process.exit(code), withinMs + OVERTIME_MS).unref();
    const failures = await stopAll(services, deadlineIn(withinMs));
    for (const failure of failures) log.error({ error: messageOf(failure) }, 'a part did not stop cleanly');
    log.info('stopped');
    log.flush(() => process.exit(code));
    // Without a file to flush to, the callback may never come.
    setTimeout(() => process.exit(code), 500).unref();
  };
  const onSignal = (signal: string): void => {
    if (signalled) process.exit(130);
    signalled = true;
    if (!stopping) void stop({ signal }, 0, shutdownTimeoutMs);
  };
  process.on('SIGTERM', () => onSignal('SIGTERM'));
  process.on('SIGINT', () => onSignal('SIGINT'));
  silent?.then(() => {
    if (!stopping) void stop({ silent: true }, EXIT_SILENT, Math.min(shutdownTimeoutMs, SILENT_STOP_MS));
  });
}
