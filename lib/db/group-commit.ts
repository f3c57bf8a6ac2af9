/**
 * Calls made at the same time share one statement. The first goes out with all others of its tick; while its statement is under way
 * further ones gather, and go together with the next. Nobody waits for a timer, so a single caller is as fast as without it.
 */
import { HivepulseError, PermanentError } from '../errors.ts';

export interface GroupCommitOptions<T, R> {
  /** One statement. Answers in the order of `items`, one for each. */
  commit(items: T[]): Promise<R[]>;
  /** Most items in one statement. Fewer waste round trips, more hold locks for longer. Default 50. */
  maxItems?: number;
}

interface Waiting<T, R> {
  item: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

const DEFAULT_MAX_ITEMS = 50;

/** One statement is under way at a time. When it fails, so do all calls that share it; but what the database refuses for good is asked for one by one, so that one bad item fails alone. */
export function createGroupCommit<T, R>({ commit, maxItems = DEFAULT_MAX_ITEMS }: GroupCommitOptions<T, R>): (item: T) => Promise<R> {
  const waiting: Waiting<T, R>[] = [];
  let running = false;

  const run = async () => {
    // The tick that made the first call may make more.
    await new Promise(setImmediate);
    while (waiting.length > 0) await settle(commit, waiting.splice(0, maxItems));
    running = false;
  };

  return (item) => {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    waiting.push({ item, resolve, reject });
    if (!running) {
      running = true;
      void run();
    }
    return promise;
  };
}

async function settle<T, R>(commit: (items: T[]) => Promise<R[]>, group: Waiting<T, R>[]): Promise<void> {
  try {
    const results = await commit(group.map(({ item }) => item));
    if (results.length !== group.length) throw wrongLength(results.length, group.length);
    for (const [index, result] of results.entries()) group[index]?.resolve(result);
  } catch (error) {
    if (group.length > 1 && isRefusal(error)) for (const one of group) await settle(commit, [one]);
    else for (const { reject } of group) reject(error);
  }
}

const isRefusal = (error: unknown): boolean => error instanceof HivepulseError && !error.retryable;

const wrongLength = (answered: number, asked: number) =>
  new PermanentError(`The database answered ${answered} results to ${asked} calls`, { code: 'unexpected_row' });
