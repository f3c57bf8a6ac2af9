import { UnavailableError } from '../errors.ts';
import type { CallOptions } from './contract.ts';

/**
 * Runs one outside call under the caller's signal and a timeout, both of which reach the HTTP request. `work` that does not heed
 * its signal is left behind. Throws the signal's own reason when the caller aborts, `UnavailableError` `provider_timeout` when time is up.
 */
export async function withDeadline<T>(options: CallOptions, who: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  options.signal.throwIfAborted();
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(() => controller.abort(timedOut(who, options.timeoutMs)), options.timeoutMs);
  const onAbort = () => controller.abort(options.signal.reason);
  options.signal.addEventListener('abort', onAbort, { once: true });
  // The race, not the SDK's own error, decides what the caller sees: why it was aborted.
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    return await Promise.race([aborted, work(signal)]);
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', onAbort);
  }
}

function timedOut(who: string, timeoutMs: number): UnavailableError {
  return new UnavailableError(`${who} did not answer within ${timeoutMs / 1_000} s`, { code: 'provider_timeout', details: { timeoutMs } });
}
