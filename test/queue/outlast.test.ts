import { describe, expect, it } from 'vitest';
import { JobAbortedError, PermanentError, UnavailableError } from '../../lib/errors.ts';
import { silentLogger } from '../../lib/log.ts';
import { createOutlast } from '../../lib/queue/outlast.ts';

const away = () => Promise.reject(new UnavailableError('The database API answered 500'));

describe('a step of a row while the database is away', () => {
  it('is repeated until the database answers', async () => {
    const outlast = createOutlast({ stopped: undefined }, silentLogger);
    const answers = [away, away, async () => 'stored'];
    expect(await outlast.step(() => (answers.shift() ?? away)())).toBe('stored');
    expect(answers).toEqual([]);
    expect(outlast.away).toBe(false);
  });

  it('is not repeated when the database refuses it', async () => {
    const refusal = new PermanentError('no such column');
    let calls = 0;
    const refused = createOutlast({ stopped: undefined }, silentLogger).step(async () => {
      calls += 1;
      throw refusal;
    });
    await expect(refused).rejects.toBe(refusal);
    expect(calls).toBe(1);
  });

  it('ends with its run, and says that the database was away', async () => {
    const reason = new JobAbortedError('timeout', 'Timed out');
    const run: { stopped: JobAbortedError | undefined } = { stopped: undefined };
    const outlast = createOutlast(run, silentLogger);
    let calls = 0;
    const step = outlast.step(async () => {
      calls += 1;
      // Stopped while it waits for its next try.
      setImmediate(() => Object.assign(run, { stopped: reason }));
      return away();
    });
    await expect(step).rejects.toBe(reason);
    expect({ calls, away: outlast.away }).toEqual({ calls: 1, away: true });
  });
});
