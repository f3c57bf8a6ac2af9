import { type Config, ConfigError, describeConfig } from '../lib/config.ts';
import { HivepulseError, messageOf } from '../lib/errors.ts';
import { deadlineIn, type Service, startAll, stopAll } from '../lib/lifecycle.ts';
import { createLogger, type Logger } from '../lib/log.ts';

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

/** The start banner: the settings, secrets left out. */
export function announce(config: Config, log: Logger): void {
  log.info({ pid: process.pid, node: process.version, settings: describeConfig(config) }, 'starting');
}

/** Starts in order; SIGTERM or SIGINT stops in reverse, within one deadline, and exits 0. A second signal ends at once. */
export async function serve(services: readonly Service[], { config, log }: { config: Config; log: Logger }): Promise<void> {
  await startAll(services);
  let stopping = false;
  const stop = async (signal: string): Promise<void> => {
    if (stopping) process.exit(130);
    stopping = true;
    log.info({ signal }, 'stopping');
    const failures = await stopAll(services, deadlineIn(config.worker.shutdownTimeoutMs));
    for (const failure of failures) log.error({ error: messageOf(failure) }, 'a part did not stop cleanly');
    log.info('stopped');
    log.flush(() => process.exit(0));
    // Without a file to flush to, the callback may never come.
    setTimeout(() => process.exit(0), 500).unref();
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
}
