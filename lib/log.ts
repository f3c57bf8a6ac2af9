import { type DestinationStream, destination, type Logger as PinoLogger, pino } from 'pino';
import { currentContext } from './context.ts';
import { currentTraceId } from './telemetry/current.ts';

export type Logger = PinoLogger;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LogOptions {
  level: LogLevel;
  /** For example `hivepulse-worker`. */
  service: string;
  workerId?: string | undefined;
  /** Human-readable lines instead of JSON; main.ts sets it on a terminal. */
  pretty?: boolean;
  /** A path instead of standard output. */
  file?: string | undefined;
  /** For tests: where the lines go. */
  stream?: DestinationStream;
}

/** Never logged, wherever they turn up at the first three levels of an object. */
const SECRET_KEYS = [
  'authorization',
  'apiKey',
  'apikey',
  'api_key',
  'password',
  'token',
  'access_token',
  'refresh_token',
  'secret',
  'cookie',
  'payload',
  'body',
];
const redact = { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`, `*["${key}"]`]), censor: '[redacted]' };

/** JSON lines: `level` as a word, `message`, ISO `timestamp`, `service`, `workerId`, and whatever the surrounding context carries. */
export async function createLogger(options: LogOptions): Promise<Logger> {
  const settings = {
    level: options.level,
    base: { service: options.service, ...(options.workerId ? { workerId: options.workerId } : {}) },
    messageKey: 'message',
    timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
    formatters: { level: (level: string) => ({ level }) },
    mixin: surroundings,
    redact,
  };
  return pino(settings, options.stream ?? (await openStream(options)));
}

/** `traceId` leads from a line to its trace, where there is one. */
function surroundings(): Record<string, unknown> {
  const traceId = currentTraceId();
  return traceId === undefined ? { ...currentContext() } : { ...currentContext(), traceId };
}

async function openStream(options: LogOptions): Promise<DestinationStream> {
  if (options.file) return destination({ dest: options.file, mkdir: true, sync: false });
  if (!options.pretty) return destination({ dest: 1, sync: false });
  const { default: pretty } = await import('pino-pretty');
  return pretty({ messageKey: 'message', timestampKey: 'timestamp', translateTime: 'SYS:HH:MM:ss', ignore: 'service,workerId', sync: true });
}

export const silentLogger: Logger = pino({ level: 'silent' });
