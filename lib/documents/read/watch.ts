import { timedOut } from './failures.ts';

/** The time of one document. */
export interface Watch {
  /** Aborted by the caller's signal, with its reason; when the time is over, with `document_timeout`; by `stop`. */
  signal: AbortSignal;
  /** The clock runs from the first call on: waiting for a thread is nobody's fault. */
  start(): void;
  /** Of the time, 0 to 1. */
  spent(): number;
  /** Ends what is still at work on it. */
  stop(): void;
}

export function createWatch(signal: AbortSignal, documentMs: number): Watch {
  const mine = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let startedAt = 0;
  return {
    signal: AbortSignal.any([signal, mine.signal]),
    start() {
      if (timer) return;
      startedAt = performance.now();
      timer = setTimeout(() => mine.abort(timedOut(documentMs)), documentMs);
    },
    spent: () => (timer ? (performance.now() - startedAt) / documentMs : 0),
    stop() {
      clearTimeout(timer);
      mine.abort(new Error('The document has ended'));
    },
  };
}
