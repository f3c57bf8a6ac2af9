import { describe, expect, it } from 'vitest';
import { createGroupCommit } from '../../lib/db/group-commit.ts';
import { InvalidInputError, UnavailableError } from '../../lib/errors.ts';

/** A statement that ends when the test says so. */
function heldStatements() {
  const statements: { items: number[]; end(): void; fail(error: Error): void }[] = [];
  const started: (() => void)[] = [];
  const commit = (items: number[]) => {
    const { promise, resolve, reject } = Promise.withResolvers<number[]>();
    statements.push({ items, end: () => resolve(items.map((item) => item * 10)), fail: reject });
    started.shift()?.();
    return promise;
  };
  /** The next statement, once it has been sent. */
  const next = async () => {
    if (statements.length === 0) await new Promise<void>((resolve) => started.push(resolve));
    const statement = statements.shift();
    if (!statement) throw new Error('No statement was sent');
    return statement;
  };
  return { commit, next, open: () => statements.length };
}

describe('a group commit', () => {
  it('sends the calls of one tick together, and answers each with its own result', async () => {
    const { commit, next } = heldStatements();
    const call = createGroupCommit({ commit });
    const answers = Promise.all([call(1), call(2), call(3)]);
    const statement = await next();
    expect(statement.items).toEqual([1, 2, 3]);
    statement.end();
    expect(await answers).toEqual([10, 20, 30]);
  });

  it('gathers while a statement is under way, never two at a time, never more than allowed in one', async () => {
    const { commit, next, open } = heldStatements();
    const call = createGroupCommit({ commit, maxItems: 2 });
    const first = call(1);
    const one = await next();
    const later = Promise.all([call(2), call(3), call(4)]);
    // Long enough for a statement of its own to have been sent.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(open()).toBe(0);
    one.end();
    expect(await first).toBe(10);
    const two = await next();
    expect(two.items).toEqual([2, 3]);
    expect(open()).toBe(0);
    two.end();
    const three = await next();
    expect(three.items).toEqual([4]);
    three.end();
    expect(await later).toEqual([20, 30, 40]);
  });

  it('fails all calls of a statement that got no answer, and none of the next', async () => {
    const { commit, next } = heldStatements();
    const call = createGroupCommit({ commit });
    const failed = Promise.allSettled([call(1), call(2)]);
    const statement = await next();
    const fine = call(3);
    statement.fail(new UnavailableError('The database is away'));
    expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    (await next()).end();
    expect(await fine).toBe(30);
  });

  it('asks one by one for what the database refuses, so that one bad item fails alone', async () => {
    const call = createGroupCommit<number, number>({
      commit: async (items) => {
        if (items.includes(2)) throw new InvalidInputError('2 is refused', []);
        return items;
      },
    });
    const [one, two, three] = await Promise.allSettled([call(1), call(2), call(3)]);
    expect([one, three]).toEqual([1, 3].map((value) => ({ status: 'fulfilled', value })));
    expect(two).toMatchObject({ status: 'rejected', reason: { code: 'invalid_input' } });
  });

  it('rejects rather than mixing up answers when there are too few', async () => {
    const call = createGroupCommit<number, number>({ commit: async () => [1] });
    const answers = await Promise.allSettled([call(1), call(2)]);
    for (const answer of answers) expect(answer).toMatchObject({ status: 'fulfilled', value: 1 });
    const never = createGroupCommit<number, number>({ commit: async () => [] });
    await expect(never(1)).rejects.toMatchObject({ code: 'unexpected_row' });
  });
});
