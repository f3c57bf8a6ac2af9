import { type Clock, SECOND } from '../clock.ts';
import { UnavailableError } from '../errors.ts';
import { deadlineIn, within } from '../lifecycle.ts';

/** Something that is looked at when metrics are asked for, and that may be away. */
export interface Source<T> {
  /** All who ask within a second share one look. Rejects when it fails, or takes longer than 3 s. */
  read(): Promise<T>;
}

/** Prometheus servers that ask together, and autoscalers with a question per queue, cost no more than one. */
const FRESH_MS = 1 * SECOND;
/** Below the 10 s that Prometheus waits for an answer. */
const PATIENCE_MS = 3 * SECOND;

export interface SourceDeps {
  clock: Pick<Clock, 'monotonic'>;
  onError: (error: unknown) => void;
}

export function createSource<T>(name: string, look: () => Promise<T>, { clock, onError }: SourceDeps): Source<T> {
  let latest: { at: number; value: Promise<T> } | undefined;

  async function lookOnce(): Promise<T> {
    try {
      const seen = await within(look(), deadlineIn(PATIENCE_MS), LATE);
      if (seen === LATE) throw new UnavailableError(`No answer about "${name}" within ${PATIENCE_MS} ms`);
      return seen;
    } catch (error) {
      onError(error);
      throw error;
    }
  }

  return {
    read() {
      const now = clock.monotonic();
      if (!latest || now - latest.at >= FRESH_MS) latest = { at: now, value: lookOnce() };
      return latest.value;
    },
  };
}

const LATE = Symbol('late');
