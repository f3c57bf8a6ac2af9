import { HivepulseError, messageOf } from '../lib/errors.ts';

/** The command was not asked for as it can be: exit code 2. */
export class UsageError extends HivepulseError {
  override readonly name: string = 'UsageError';
  constructor(message: string) {
    super(message, { code: 'usage' });
  }
}

/** An error as `--json` shows it. */
export function errorObject(error: unknown): { error: { code: string; message: string; details?: unknown } } {
  if (!(error instanceof HivepulseError)) return { error: { code: 'internal_error', message: messageOf(error) } };
  const { code, details } = error;
  return { error: { code, message: explain(error), ...(details === undefined ? {} : { details }) } };
}

/** What to do about errors whose message, made for programs, does not say it to a person at a terminal. */
const CURES: Readonly<Record<string, string>> = {
  unauthorized: 'HIVEPULSE_API_KEY must be one of the API_KEYS of the API at HIVEPULSE_URL.',
  unavailable: 'Is it running? (npm start, npm run api)',
  insufficient_credits: 'Grant some with POST /api/credits/grant.',
};

/** One line for a person; our own errors need no stack. */
export function explain(error: unknown): string {
  if (!(error instanceof HivepulseError)) return messageOf(error);
  if (error.code === 'internal_error') return `${error.message} It is ${error.details?.correlationId}.`;
  const cure = CURES[error.code];
  return cure === undefined ? error.message : `${error.message.replace(/[.:]?$/, '.')} ${cure}`;
}
